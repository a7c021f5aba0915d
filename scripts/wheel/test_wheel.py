"""The package as a user gets it: run by the Python of an environment that has the wheel and nothing else of ours.

scripts/test wheel makes both.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from llm_inspector import Inspector, InspectorProblem

COMMAND = pathlib.Path(sys.executable).with_name("llm-inspector")
# What runs it, without any Java.
BARE = {"PATH": str(COMMAND.parent), "HOME": os.environ.get("HOME", "/")}


class Wheel(unittest.TestCase):
    def test_the_command_says_its_version(self):
        said = subprocess.run([COMMAND, "--version"], check=True, stdout=subprocess.PIPE, text=True)
        self.assertIn("0.1.0", said.stdout)

    def test_one_sentence_says_what_to_install_where_there_is_no_java(self):
        said = subprocess.run([COMMAND, "--version"], env=BARE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(len(said.stderr.splitlines()), 1)
        self.assertIn("Java 17 or later is needed (there is none)", said.stderr)

    def test_an_old_java_is_passed_over(self):
        with tempfile.TemporaryDirectory() as home:
            java = pathlib.Path(home, "bin", "java")
            java.parent.mkdir()
            java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
            java.chmod(0o755)
            alone = subprocess.run(
                [COMMAND, "--version"], env={**BARE, "JAVA_HOME": home}, stderr=subprocess.PIPE, text=True
            )
            beside = subprocess.run(
                [COMMAND, "--version"], env={**os.environ, "JAVA_HOME": home}, stdout=subprocess.PIPE, text=True
            )
        self.assertIn(f"({java} is Java 8)", alone.stderr)
        self.assertIn("0.1.0", beside.stdout)

    def test_it_serves_the_embedded_model(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder, open(pathlib.Path(folder, "log"), "w+") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "llm_inspector", "serve", "--port", str(port), "--runs", f"{folder}/runs"],
                env={**os.environ, "LLM_INSPECTOR_HOME": f"{folder}/home", "LLM_INSPECTOR_ARCHIVE": "off"},
                stdout=log,
                stderr=log,
            )
            try:
                inspector = Inspector(f"http://127.0.0.1:{port}")
                while not self._answers(inspector):
                    self.assertIsNone(server.poll(), pathlib.Path(log.name).read_text())
                    time.sleep(0.2)
                self.assertEqual(inspector.health()["default_model"], "tales-4m")
                run = inspector.run("Once upon a time", max_new_tokens=4)
                self.assertEqual(run.capture("blocks.0.attn.hook_pattern").shape[-1], len(run.tokens) - 1)
            finally:
                server.terminate()
                server.wait()

    def _answers(self, inspector):
        try:
            return inspector.health()["status"] == "ok"
        except InspectorProblem:  # nothing listens yet
            return False


if __name__ == "__main__":
    unittest.main()
