"""Mutants: damaged files and bodies, one after another, through one running server.

Every answer must be a success or a problem of status 4xx, the process must live, and afterwards memory, threads,
handles and mappings must be what they were.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

import mutate
import server as servers
from server import MIB, RESOURCES, ROOT, Broken, Sample, Server

FAULTS = ROOT / "target/attack"
GOLDEN = RESOURCES / "golden"
#: What a template asks of the sandbox and must not get, or not for ever.
TEMPLATES = [
    "{{ messages[0].__class__.__mro__ }}",
    "{% for a in range(99999999) %}{% for b in range(99999999) %}x{% endfor %}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'x' * 999999999 }}",
    "{{ ('x' * 9999)|replace('x', 'y' * 99999) }}",
    "{% if %}",
    "{{ messages | map(attribute='content') | join }}",
    "{% set ns = namespace(a=1) %}{% for m in messages %}{% set ns.a = ns.a * 999999 %}{{ ns.a }}{% endfor %}",
    "{{ messages[99].content }}{{ strftime_now('%Y') }}",
    "{% include '/etc/passwd' %}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ 1 / 0 }}{{ 7 % 0 }}",
]
RECIPE = {
    "task": "modular_addition",
    "name": "sums",
    "modulus": 11,
    "steps": 2,
    "learning_rate": 0.001,
    "warmup_steps": 1,
    "seed": 1,
    "train_share": 0.5,
    "validate_every": 1,
    "save_every": 1,
    "checkpoint_steps": [0, 1],
    "optimizer": {"kind": "adamw", "beta1": 0.9, "beta2": 0.98, "eps": 1e-8, "weight_decay": 1.0},
    "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "d_mlp": 32, "context": 4},
    "dtype": "f32",
}


def small_folders(*roots):
    """Folders of the goldens that are whole models of at most a megabyte."""
    found = []
    for root in roots:
        for folder in sorted(p for p in (GOLDEN / root).iterdir() if (p / "config.json").exists()):
            weights = folder / "model.safetensors"
            if weights.exists() and weights.stat().st_size < MIB:
                found.append(folder)
    return found


class Attack:
    """One mutant after another of one format, and what came of them."""

    def __init__(self, server, seed):
        self.server, self.seed = server, seed
        self.lock = threading.Lock()
        self.training = threading.Lock()
        self.faults = []
        self.answers = collections.defaultdict(collections.Counter)
        self.slowest = (0.0, "")
        self.staging = server.scratch / "staging"
        self.sources = server.scratch / "sources"
        self.tokenizers = [RESOURCES / "tokenizers" / name for name in ("spm", "bytelevel", "unigram")]
        self.tokenizers = [t for t in self.tokenizers if (t / "tokenizer.json").exists()]
        self.llama = servers.tiny_llama(self.sources / "llama")
        self.families = [self.source(folder) for folder in small_folders("hf", "families")]
        self.ggufs = [p.read_bytes() for p in sorted((GOLDEN / "gguf/types").glob("tiny64-*.gguf"))]
        self.ggufs += [p.read_bytes() for p in sorted((GOLDEN / "gguf").glob("families/*.gguf")) if p.stat().st_size < MIB]
        self.graphs = [f for f in sorted((GOLDEN / "onnx").iterdir()) if (f / "model.onnx").exists()]
        self.graphs = [self.source(f) for f in self.graphs]

    def source(self, folder):
        """A copy beside the served models, so that what is not damaged can be linked."""
        copy = self.sources / f"{folder.parent.name}-{folder.name}"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("golden*", "noise*", "config_v5*"))
        if not (copy / "tokenizer.json").exists():
            for name in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(RESOURCES / "tokenizers/spm" / name, copy)
        return copy

    def random(self, kind, i):
        return random.Random(f"{self.seed} {kind} {i}")

    def ask(self, kind, what, method, path, body=None):
        """One request; what is wrong with its answer is remembered."""
        answer = self.server.request(method, path, body, timeout=180)
        fault = answer.fault()
        with self.lock:
            self.answers[kind][f"{answer.status // 100}xx" if answer.status else "none"] += 1
            if answer.seconds > self.slowest[0]:
                self.slowest = (answer.seconds, f"{what} {method} {path}")
        if fault:
            raise Broken(f"{method} {path}: {fault}" + ("" if self.server.alive else "; THE PROCESS IS GONE"))
        return answer

    def mutant(self, kind, i):
        """Makes the mutant of this number, asks the server about it, and takes it away again."""
        what = f"{kind} {i}"
        try:
            if kind == "recipe" and i % 2 == 0:
                self.recipe(what, i)
            else:
                self.folder(kind, what, i)
        except Broken as e:
            with self.lock:
                self.faults.append(f"{what}: {e}")
                print(f"BROKEN {what}: {e}", flush=True)

    def folder(self, kind, what, i):
        rng = self.random(kind, i)
        files, how, source = self.damaged(kind, rng)
        slug = f"{kind.replace('.', '-')}-{i}"
        made = self.staging / slug
        made.mkdir(parents=True)
        for file in source.iterdir() if source else ():
            if file.name not in files and file.is_file():
                os.link(file, made / file.name)
        for name, data in files.items():
            (made / name).write_bytes(data)
        made.rename(self.server.models / slug)
        try:
            self.questions(kind, f"{what} ({how})", slug, rng, i)
        except Broken as e:
            kept = FAULTS / slug
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.server.models / slug, kept)
            raise Broken(f"{how}: {e} (kept in {kept})") from e
        finally:
            shutil.rmtree(self.server.models / slug)

    def damaged(self, kind, rng):
        """The damaged files of a folder, how they were damaged, and the folder that has the rest."""
        if kind == "safetensors":
            source = rng.choice(self.families)
            others = [(rng.choice(self.families) / "model.safetensors").read_bytes()]
            data, how = mutate.safetensors(rng, (source / "model.safetensors").read_bytes(), others)
            return {"model.safetensors": data}, how, source
        if kind == "config":
            source = rng.choice(self.families)
            others = [(f / "config.json").read_bytes() for f in rng.sample(self.families, 2)]
            data, how = mutate.document(rng, (source / "config.json").read_bytes(), others, ["linear", "yarn", "silu", "gpt2"])
            return {"config.json": data}, how, source
        if kind == "tokenizer":
            data = rng.choice(self.tokenizers).joinpath("tokenizer.json").read_bytes()
            others = [t.joinpath("tokenizer.json").read_bytes() for t in self.tokenizers]
            changed, how = mutate.document(rng, data, others, ["BPE", "Unigram", "WordPiece", "(a+)+$", "\\p{L}+|.", "ByteLevel"])
            return {"tokenizer.json": changed}, how, self.llama
        if kind == "tokenizer_config":
            data = (self.llama / "tokenizer_config.json").read_bytes()
            others = [(ROOT / "model-cache/tales-4m-instruct/tokenizer_config.json").read_bytes()]
            if rng.random() < 0.3:
                document = json.loads(data)
                template, how = mutate.of_bytes(rng, document["chat_template"].encode(), [rng.choice(TEMPLATES).encode()])
                document["chat_template"] = template.decode("utf-8", "replace")
                return {"tokenizer_config.json": json.dumps(document).encode()}, "template " + how, self.llama
            changed, how = mutate.document(rng, data, others, TEMPLATES)
            return {"tokenizer_config.json": changed}, how, self.llama
        if kind == "gguf":
            data, how = mutate.gguf(rng, rng.choice(self.ggufs), self.ggufs)
            return {"model.gguf": data}, how, None
        if kind == "onnx":
            source = rng.choice(self.graphs)
            others = [(rng.choice(self.graphs) / "model.onnx").read_bytes()]
            data, how = mutate.onnx(rng, (source / "model.onnx").read_bytes(), others)
            return {"model.onnx": data}, how, source
        # What is told of a model's training stands beside it.
        grokking = ROOT / "model-cache/grokking"
        recipe, how = mutate.document(rng, (grokking / "recipe.json").read_bytes(), [(self.llama / "config.json").read_bytes()])
        curve, _ = mutate.of_bytes(rng, (grokking / "loss.csv").read_bytes()[:2000], [recipe])
        return {"recipe.json": recipe, "loss.csv": curve}, how, self.llama

    def questions(self, kind, what, slug, rng, i):
        """What a person asks about a model, and three tokens of it, on the engines in turns."""
        at = f"/api/v1/models/{slug}"
        self.ask(kind, what, "GET", at)
        extra = {"safetensors": "tensors", "gguf": "tensors", "config": "forms", "onnx": "tensors", "recipe": "curve"}
        if kind in extra:
            self.ask(kind, what, "GET", f"{at}/{extra[kind]}")
        if i % 3 == 0:
            self.ask(kind, what, "GET", f"{at}/hooks")
        if kind in ("tokenizer", "tokenizer_config", "gguf") or i % 5 == 0:
            text = rng.choice(["Once upon a time", "a\u0000b \ud83d\ude00 \u0301", "1234 <s></s>", ""])
            self.ask(kind, what, "POST", "/api/v1/tokenize", {"model": slug, "text": text, "merges": i % 2 == 0})
        if kind == "recipe":
            return
        request = {"model": slug, "engine": "torch" if i % 2 else "onnx", "generate": {"max_new_tokens": 3}}
        if kind == "tokenizer_config":
            request["messages"] = [{"role": "user", "content": "What is a token?"}]
        elif kind == "tokenizer":
            request["prompt"] = "Once upon"
        else:
            request["tokens"] = [1, 5, 9]
        if i % 4 == 0:
            request["capture"] = ["logits"]
        answer = self.ask(kind, what, "POST", "/api/v1/runs", request)
        if answer.status == 201:
            run = answer.json()["id"]
            if "capture" in request:
                self.ask(kind, what, "GET", f"/api/v1/runs/{run}/captures/logits")
            self.ask(kind, what, "DELETE", f"/api/v1/runs/{run}")

    def recipe(self, what, i):
        """A training job's body, as an object or as text; one that is taken is stopped and deleted."""
        rng = self.random("recipe", i)
        others = [(ROOT / "model-cache/grokking/recipe.json").read_bytes()]
        data, how = mutate.document(rng, json.dumps(dict(RECIPE, name=f"sums-{i}")).encode(), others, ["tales", "instruct", "sgd"])
        if i % 4 == 0:
            body = b'{"recipe":' + data + b"}"
        else:
            body = json.dumps({"config": data.decode("utf-8", "replace")}).encode()
        with self.training:
            answer = self.ask("recipe", f"{what} ({how})", "POST", "/api/v1/training-jobs", body)
            if answer.status != 201:
                return
            job = "/api/v1/training-jobs/" + answer.json()["id"]
            self.ask("recipe", what, "POST", job + "/stop", {})
            for _ in range(1200):
                if self.ask("recipe", what, "GET", job).json().get("state") not in ("starting", "running", "stopping"):
                    break
                time.sleep(0.05)
            else:
                raise Broken(f"{how}: a job that was stopped has not ended after a minute ({data[:300]!r})")
            gone = self.ask("recipe", what, "DELETE", job)
            if not gone.ok:
                raise Broken(f"{how}: a job that has ended is not deleted: {gone.status} {gone.body[:300]!r}")


def kld(count, seed, scratch, jar, environment):
    """The command line reads .kld files; no route does. Every mutant is a process: success, or a problem in few lines."""
    base = (GOLDEN / "kld/base.kld").read_bytes()
    side = RESOURCES / "golden/gguf/types/tiny64-Q8_0.gguf"
    outcomes, faults = collections.Counter(), []
    for i in range(count):
        rng = random.Random(f"{seed} kld {i}")
        data, how = mutate.of_bytes(rng, base, [base])
        if i % 2:
            head = bytearray(base)
            at = rng.choice([8, 12, 16])
            head[at : at + 4] = (rng.choice(mutate.INTEGERS) % 2**32).to_bytes(4, "little")
            data, how = bytes(head), "head"
        file = scratch / "mutant.kld"
        file.write_bytes(data)
        command = [ROOT / "scripts/launch.sh", jar, "compare", "--kld-base", file, "--model", side]
        ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, timeout=180)
        outcomes[ended.returncode] += 1
        # 128 and more is a signal, and so are numbers below 0.
        if not 0 <= ended.returncode < 100 or "\tat " in ended.stderr or (ended.returncode and not ended.stderr.strip()):
            faults.append(f"kld {i} ({how}): exit {ended.returncode}: {ended.stderr[-600:]}")
            print("BROKEN " + faults[-1], flush=True)
    return outcomes, faults


FORMATS = ["safetensors", "config", "tokenizer", "tokenizer_config", "gguf", "onnx", "recipe"]


def main():
    parser = argparse.ArgumentParser(prog="scripts/attack mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="mutants of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--formats", default=",".join([*FORMATS, "kld"]))
    parser.add_argument("--workers", type=int, default=2, help="mutants at once")
    parser.add_argument("--seconds", type=float, default=1e9, help="end after so many, which the formats share")
    parser.add_argument("--memory", default="1GiB", help="the server's budget")
    options = parser.parse_args()
    formats = options.formats.split(",")
    started = time.monotonic()
    kld_outcomes, faults = collections.Counter(), []
    with Server(["--memory", options.memory]) as server:
        attack = Attack(server, options.seed)
        shutil.copytree(attack.llama, server.models / "tiny-llama")
        shutil.copytree(attack.graphs[0], server.models / "exported")
        server.start()
        # The baseline has both engines' libraries loaded and the JVM's code compiled: ten mutants of each format came before.
        for engine in ("torch", "onnx", "torch", "onnx"):
            run = {"model": "tiny-llama", "engine": engine, "prompt": "a", "generate": {"max_new_tokens": 3}, "capture": ["logits"]}
            server.done(server.post("/api/v1/runs", run, timeout=180), "the first run")
        run = {"model": "exported", "engine": "onnx", "tokens": [1, 5, 9], "generate": {"max_new_tokens": 3}}
        server.done(server.post("/api/v1/runs", run, timeout=180), "the first run of a graph")
        print(f"after the start: {Sample(server)}", flush=True)
        for i in range(1, 11):
            for kind in FORMATS:
                attack.mutant(kind, -i)
        baseline = settled = servers.settled(server)
        print(f"baseline: {baseline}", flush=True)
        made = collections.Counter()
        for kind in (f for f in FORMATS if f in formats):
            since = time.monotonic()
            numbers = iter(range(options.first, options.first + options.count))

            def work():
                while server.alive and time.monotonic() - since < options.seconds / len(formats):
                    with attack.lock:
                        number = next(numbers, None)
                    if number is None:
                        return
                    attack.mutant(kind, number)
                    made[kind] += 1

            with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
                for job in [pool.submit(work) for _ in range(options.workers)]:
                    job.result()
            if not server.alive:
                print(server.log.read_text(errors="replace")[-3000:])
                break
            answers = ", ".join(f"{n} {status}" for status, n in sorted(attack.answers[kind].items()))
            print(f"{kind}: {made[kind]} mutants in {time.monotonic() - since:.0f} s, answers: {answers}", flush=True)
            print(f"  {Sample(server)}", flush=True)
        faults += attack.faults
        if server.alive:
            try:
                settled = servers.settled(server)
                print(f"afterwards: {settled}")
                faults += leaks(baseline, settled)
            except Broken as e:
                faults.append(str(e))
                print(f"BROKEN afterwards: {e}")
        counted = settled.counted(baseline)
        print(f"slowest answer: {attack.slowest[0]:.1f} s, {attack.slowest[1]}")
        for line in server.errors()[:20]:
            print("log: " + line[:300])
        if "kld" in formats:
            few = max(2, options.count // 50)
            kld_outcomes, more = kld(few, options.seed, server.scratch, server.jar, server.environment)
            faults += more
            print(f"kld: {few} mutants through the command line, exit statuses {dict(kld_outcomes)}")
        pathlib.Path(FAULTS).mkdir(parents=True, exist_ok=True)
        shutil.copy(server.log, FAULTS / "mutants.log")
    total = sum(sum(c.values()) for c in attack.answers.values())
    print(
        f"mutants: {sum(made.values())} of {len(made)} formats, {total} answers, {len(faults)} broken;"
        f" counted {counted / MIB:.0f} MiB, measured {settled.resident / MIB:.0f} ({settled.resident / counted:.0%});"
        f" threads {baseline.threads} -> {settled.threads}, handles {baseline.handles} -> {settled.handles},"
        f" deleted mappings {settled.deleted}; {time.monotonic() - started:.0f} s"
    )
    return 1 if faults else 0


def leaks(baseline, after):
    """What is not back where it was."""
    faults = []
    counted = after.counted(baseline)
    # What libraries load and the JVM compiles for work of a new kind is counted nowhere; it comes once.
    if after.resident > counted + max(0.2 * counted, 128 * MIB):
        faults.append(f"memory: measured {after.resident / MIB:.0f} MiB, counted {counted / MIB:.0f}; holders: {after.holders[:10]}")
    if after.threads > baseline.threads + 16:
        faults.append(f"threads: {baseline.threads} -> {after.threads}")
    if after.handles > baseline.handles + 24:
        faults.append(f"handles: {baseline.handles} -> {after.handles}")
    if after.deleted > baseline.deleted + 4 or after.deleted_handles > baseline.deleted_handles + 4:
        faults.append(f"deleted files: {after.deleted} mappings, {after.deleted_handles} handles")
    for fault in faults:
        print(f"BROKEN {fault}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
