"""lm-evaluation-harness, as PyPI has it, against a live server: it says what it says of the same models in transformers."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

scratch = tempfile.TemporaryDirectory()
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": f"{scratch.name}/home"}
server = os.environ["INSPECTOR_URL"]

import evaluation  # noqa: E402
import models  # noqa: E402

golden = json.loads(pathlib.Path(__file__).with_name("golden.json").read_text())


def difference(a, b):
    """How far two answers lie apart; infinitely where one is greedy and the other is not."""
    if isinstance(a, list):
        return abs(a[0] - b[0]) if a[1] == b[1] else float("inf")
    return abs(a - b)


class HarnessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        tasks = pathlib.Path(scratch.name, "tasks")
        tasks.mkdir()
        cls.documents = evaluation.write(tasks)
        cls.tasks = tasks

    @classmethod
    def tearDownClass(cls):
        scratch.cleanup()

    def test_golden_is_of_these_models_and_documents(self):
        made = "scripts/golden/make_lm_eval.py makes it again"
        self.assertEqual(golden["documents"], self.documents, made)
        for name, files in models.FILES.items():
            self.assertEqual(golden["models"][name]["sha256"], evaluation.digest(files), f"{name}: {made}")
        told = [r[1] for d in golden["models"]["tales-4m"]["tasks"]["choose"]["answers"] for r in d]
        self.assertIn(True, told)
        self.assertIn(False, told)

    def agrees(self, name, engine, **more):
        arguments = {"model": f"{name}@{engine}", "base_url": f"{server}/as/{name}/v1/completions",
                     "tokenizer_backend": "remote", "max_length": models.length(name),
                     "custom_prefix_token_id": models.PREFIX.get(name), **more}
        chat = name in models.CHAT
        told = evaluation.evaluate(self.tasks, "local-completions", arguments, models.TASKS[name], samples=not chat,
                                   apply_chat_template=chat)
        for task, ours in told.items():
            theirs = golden["models"][name]["tasks"][task]
            furthest = 0
            for a, b in zip(ours["answers"], theirs["answers"], strict=True):
                for x, y in zip(a, b, strict=True):
                    said = y[0] if isinstance(y, list) else y
                    apart = difference(x, y)
                    furthest = max(furthest, apart)
                    # Beyond thousands of nats a float32, in which transformers sums them, ends before 1e-4.
                    self.assertLess(apart, 1e-4 + 1e-6 * abs(said), f"{name} on {engine}, {task}")
            print(f"{name} on {engine}, {task}: {furthest:.1e} nats apart at most", file=sys.stderr)
            self.assertEqual(theirs["metrics"].keys(), ours["metrics"].keys())
            for metric, value in theirs["metrics"].items():
                if task == "roll":
                    self.assertAlmostEqual(ours["metrics"][metric] / value, 1, delta=1e-5, msg=metric)
                else:
                    self.assertEqual(ours["metrics"][metric], value, metric)

    def test_random_weights_on_torch(self):
        self.agrees("tiny-llama", "torch")

    def test_random_weights_on_onnx(self):
        self.agrees("tiny-llama", "onnx")

    def test_tales_on_torch(self):
        self.agrees("tales-4m", "torch")

    def test_tales_on_onnx_many_at_once(self):
        self.agrees("tales-4m", "onnx", num_concurrent=32)

    def test_tales_on_onnx_in_batches(self):
        self.agrees("tales-4m", "onnx", batch_size=5)

    def test_gguf_on_torch(self):
        self.agrees("tiny64-Q4_0", "torch")

    def test_gguf_on_onnx(self):
        self.agrees("tiny64-Q4_0", "onnx")

    def test_exported_graph(self):
        self.agrees("exported-words", "onnx")

    def test_a_conversation_through_the_remote_template(self):
        self.agrees("tales-4m-instruct", "torch")

    def test_the_command(self):
        """As the README has it."""
        out = pathlib.Path(scratch.name, "out")
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name("lm_eval"), "run", "--model", "local-completions", "--tasks", "choose",
             "--model_args", f"model=tales-4m,base_url={server}/as/tales-4m/v1/completions,max_length={evaluation.LENGTH}",
             "--include_path", str(self.tasks), "--output_path", str(out)],
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        results = json.loads(next(out.rglob("results_*.json")).read_text())["results"]["choose"]
        self.assertEqual(results["acc,none"], golden["models"]["tales-4m"]["tasks"]["choose"]["metrics"]["acc"])
