"""A Spark cluster of processes on this machine, as the tests and benchmarks of sweeps start it."""

import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLASS = 'set -euo pipefail; source "$0/scripts/lib.sh"; spark_home; spark_class "$@"'


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """A master and workers of one core each; they end with it."""

    def __init__(self, folder, workers=1):
        self.folder = folder
        self.port = free_port()
        self.url = f"spark://127.0.0.1:{self.port}"
        self.started = []
        self.master = self.start("master.Master", "--host", "127.0.0.1", "--port", str(self.port), "--webui-port", "0")
        self.wait(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or True, "the master")
        self.workers = [self.worker(f"w{i}") for i in range(workers)]

    def start(self, name, *arguments, **environment):
        log = open(self.folder / f"{len(self.started)}.log", "wb")
        env = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m", **environment}
        command = ["bash", "-c", CLASS, str(ROOT), f"org.apache.spark.deploy.{name}", *arguments]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
        log.close()
        self.started.append(process)
        return process

    def worker(self, name, **environment):
        return self.start(
            "worker.Worker", "--cores", "1", "--memory", "2g", "--webui-port", "0",
            "--work-dir", str(self.folder / name), self.url, INSPECTOR_HOST=name, **environment,
        )  # fmt: skip

    def wait(self, ready, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if ready():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{what} was not there after {seconds} s: see {self.folder}")

    def kill(self, process):
        """A worker and its executors, which are of its session, at once."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self):
        for process in self.started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def inspector(*arguments, opts="", **environment):
    """The program, started, with one thread of libtorch: another number may sum in another order."""
    env = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "JAVA_OPTS": "-Dai.djl.pytorch.num_threads=1",
        "SPARK_OPTS": f"--conf spark.task.cpus=1 {opts}",
        **environment,
    }
    command = [str(ROOT / "scripts/inspector"), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def said(process, expected=0):
    """What a program said, once it has ended as expected."""
    text = process.communicate(timeout=240)[0]
    if process.returncode != expected:
        raise AssertionError(f"exit code {process.returncode}, not {expected}:\n{text}")
    return text
