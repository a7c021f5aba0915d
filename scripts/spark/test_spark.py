"""Sweeps on a real Spark cluster of this machine, and as plain jobs: the local sweep's bits, whoever dies."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import ROOT, Cluster, inspector, said  # noqa: E402

MODEL = "tales-4m"
SWEEP = ["sweep", "--model", MODEL, "--corpus", "tales:held_out", "--documents", "12", "--shard-windows", "1"]
ONE = [*SWEEP, "--reduce", "loss,moments"]


def results(folder):
    """Hashes of all that a sweep says, by name; without sweep.json, which has the time."""
    files = [f for f in folder.iterdir() if f.suffix in (".safetensors", ".jsonl", ".gguf") or f.name == "evaluation.json"]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def parts(folder):
    files = [f for f in (folder / "parts").glob("*.safetensors") if f.is_file()]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def made(folder):
    """When each part was made."""
    return {f.name: f.stat().st_mtime_ns for f in (folder / "parts").glob("*.safetensors") if f.is_file()}


def numbers(text):
    """The lines of an evaluation's numbers."""
    return [line for line in text.splitlines() if line.startswith(("acc", "logprob", "perplexity", "greedy"))]


def setUpModule():
    """The sweep of this process, which all others are compared with."""
    global LOCAL, ALONE
    # Each program lives for seconds: the second compiler costs more than it saves.
    os.environ["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    LOCAL = pathlib.Path(tempfile.mkdtemp()) / "local"
    unittest.addModuleCleanup(shutil.rmtree, LOCAL.parent, ignore_errors=True)
    began = time.monotonic()
    said(inspector(*ONE, "--out", LOCAL))
    ALONE = time.monotonic() - began


class SparkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A cluster of one worker, w0; tests that need another one start it for themselves."""
        folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.one = Cluster(folder, 1)
        cls.addClassCleanup(cls.one.close)

    def second(self):
        """The cluster of all tests with a second worker, w1, until the test ends."""
        worker = self.one.worker("w1")
        self.addCleanup(self.one.kill, worker)
        return self.one

    def setUp(self):
        self.temp = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)

    def cluster(self, workers):
        folder = self.temp / f"cluster-{workers}"
        folder.mkdir()
        cluster = Cluster(folder, workers)
        self.addCleanup(cluster.close)
        return cluster

    def same(self, one, other):
        self.assertEqual(sorted(results(one)), sorted(results(other)))
        self.assertEqual(results(one), results(other))

    def test_one_and_two_workers_and_this_process_give_the_same_bits(self):
        cluster = self.one
        seconds = []
        for workers in (1, 2):
            if workers == 2:
                self.second()
            out = self.temp / f"spark{workers}"
            began = time.monotonic()
            said(inspector(*ONE, "--out", out, "--on", cluster.url))
            seconds.append(time.monotonic() - began)
            self.same(LOCAL, out)
            self.assertEqual(parts(LOCAL), parts(out))
        print(f"\n{len(parts(LOCAL))} parts: {ALONE:.1f} s alone, {seconds[0]:.1f} s on one worker, {seconds[1]:.1f} s on two, start included")

    def test_two_sides_and_a_folder_that_is_not_shared(self):
        sides = [*SWEEP, "--b", "precision=fp16", "--reduce", "loss"]
        local, out = self.temp / "local", self.temp / "out"
        said(inspector(*sides, "--out", local))
        cluster = self.second()
        # Executors look for the marker in another folder, so that parts come back to the driver.
        said(inspector(*sides, "--out", out, "--on", cluster.url, opts="--conf spark.inspector.shared=false"))
        self.assertIn("divergence.safetensors", results(out))
        self.same(local, out)

    def test_a_worker_is_killed_in_the_middle(self):
        out = self.temp / "out"
        cluster = self.cluster(2)
        sweep = inspector(*ONE, "--out", out, "--on", cluster.url)
        cluster.wait(lambda: len(parts(out)) >= 3, "the third part", 120)
        cluster.kill(cluster.workers[0])
        before = made(out)
        said(sweep)
        self.same(LOCAL, out)
        after = made(out)
        self.assertEqual(before, {name: after[name] for name in before}, "finished parts were made again")

    def test_an_evaluation_goes_on_with_the_shards_that_failed_and_has_the_local_bits(self):
        tasks = self.temp / "tasks.jsonl"
        with tasks.open("w") as file:
            for name in ("Lily", "Tom", "Mia", "Ben"):
                two = {"context": f"{name} lost the red ball. {name} was", "choices": [" sad", " happy", " the tree"], "answer": 0}
                one = {"context": f"Once upon a time, there was a child named {name}.", "continuation": " One day"}
                file.write(json.dumps(two) + "\n" + json.dumps(one) + "\n")
        evaluate = ["evaluate", "--model", MODEL, "--tasks", tasks, "--shard-windows", "2"]
        local = self.temp / "local"
        told = numbers(said(inspector(*evaluate, "--out", local)))
        self.assertEqual(6, len(told), told)
        names = json.loads((local / "sweep.json").read_text())["parts"]
        # Folders in their places: one worker cannot write half of the parts.
        out = self.temp / "out"
        blocked = [out / "parts" / f"{name}.safetensors" for name in names[1::2]]
        for part in blocked:
            (part / "in the way").mkdir(parents=True)
        text = said(inspector(*evaluate, "--out", out, "--on", self.one.url), expected=9)
        self.assertIn(f"{len(blocked)} missing, of the shards 1, 3, ", text)
        self.assertIn("host w0", text)
        before = made(out)
        self.assertEqual({f"{name}.safetensors" for name in names[::2]}, set(before))
        self.assertFalse((out / "evaluation.json").exists())
        # Two workers make these, and what is there is not made again.
        for part in blocked:
            shutil.rmtree(part)
        self.assertEqual(told, numbers(said(inspector(*evaluate, "--out", out, "--on", self.second().url))))
        self.assertEqual(before, {name: made(out)[name] for name in before})
        self.assertEqual(parts(local), parts(out))
        self.same(local, out)
        self.assertIn("evaluation.json", results(out))

    def test_a_machine_with_another_model_is_named_and_left_out(self):
        other = self.temp / "models"
        shutil.copytree(ROOT / "model-cache/tales-4m", other / "tales-4m", ignore=shutil.ignore_patterns("sweep", "training"))
        weights = other / "tales-4m/model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-8] ^= 1
        weights.write_bytes(data)
        cluster = self.cluster(1)
        cluster.worker("stale", LLM_INSPECTOR_MODELS=str(other))
        # The good machine computes what the other was given, and the sweep says so.
        out = self.temp / "out"
        both = "--conf spark.cores.max=2 --conf spark.scheduler.minRegisteredResourcesRatio=1"
        text = said(inspector(*ONE, "--out", out, "--on", cluster.url, opts=both))
        self.assertIn("a machine was left out", text)
        self.assertIn("the model's file differs on one machine", text)
        self.assertIn("host stale", text)
        self.assertNotIn("host w0", text)
        self.same(LOCAL, out)
        # Alone it computes nothing.
        cluster.kill(cluster.workers[0])
        none = self.temp / "none"
        text = said(inspector(*ONE, "--out", none, "--on", cluster.url), expected=4)
        self.assertIn("the model's file differs on one machine", text)
        self.assertIn("host stale", text)
        self.assertEqual({}, parts(none))

    def test_a_machine_without_the_memory_says_so_before_a_shard_runs(self):
        out = self.temp / "out"
        text = said(inspector(*ONE, "--out", out, "--on", self.one.url, "--memory", "5MiB"), expected=5)
        self.assertIn("host w0", text)
        self.assertIn("memory budget", text)
        self.assertEqual({}, parts(out))


class JobsTest(unittest.TestCase):
    """The scripts of deploy/, their own commands run as plain processes."""

    def setUp(self):
        self.temp = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.temp, ignore_errors=True)
        self.env = {
            **os.environ,
            "JAVA_OPTS": "-Dai.djl.pytorch.num_threads=1",
            "INSPECTOR": str(ROOT / "scripts/inspector"),
            "SHARDS": "2",
        }

    def run_all(self, command, variable):
        out = self.temp / variable.lower()
        env = {**self.env, "OUT": str(out), "MODEL": MODEL, "SWEEP": " ".join(ONE[3:])}
        for index in range(2):
            subprocess.run(command, shell=True, check=True, env={**env, variable: str(index)}, executable="/bin/bash")
        subprocess.run(command, shell=True, check=True, env={**env, "STEP": "merge"}, executable="/bin/bash")
        self.assertEqual(results(LOCAL), results(out))

    def test_slurm_array(self):
        self.run_all(f"bash '{ROOT / 'deploy/sweep.slurm'}'", "SLURM_ARRAY_TASK_ID")

    def test_kubernetes_indexed_job(self):
        lines = (ROOT / "deploy/sweep-job.yaml").read_text().splitlines()
        begin = next(i for i, line in enumerate(lines) if line.strip() == "- |")
        depth = len(lines[begin + 1]) - len(lines[begin + 1].lstrip())
        script = []
        for line in lines[begin + 1 :]:
            if line.strip() and len(line) - len(line.lstrip()) < depth:
                break
            script.append(line[depth:])
        file = self.temp / "job.sh"
        file.write_text("\n".join(script))
        self.run_all(f"bash '{file}'", "JOB_COMPLETION_INDEX")


if __name__ == "__main__":
    unittest.main()
