"""Soak: captures, tokens, comparisons and replaced models on one server; what it holds stays flat.

Flat: the median of a figure's last quarter is within a tenth (memory also: 32 MiB, counts: 8) of its second quarter's. Caches
that the ledger counts may fill its budget, and no more.
"""

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import time

import server as servers
from server import MIB, Broken, Sample, Server

CAPTURES = ["logits", "blocks.*.attn.hook_pattern", "blocks.*.hook_resid_post", "blocks.*.mlp.hook_post", "ln_final.hook_normalized"]
BUDGET_MIB = 256
#: Each figure, how it reads, and how much of a rise is none.
FIGURES = {
    "uncounted memory": (lambda s: (s.resident - s.told) / MIB, 32),
    "threads": (lambda s: s.threads, 8),
    "handles": (lambda s: s.handles, 8),
    "deleted": (lambda s: s.deleted + s.deleted_handles, 16),
}


class Soak:
    """One round after another of everything that a server does."""

    def __init__(self, server, seed):
        self.server = server
        self.random = random.Random(seed)
        self.captures = self.tokens = self.comparisons = self.replaced = 0
        self.next = 0

    def run(self, **request):
        body = self.server.done(self.server.post("/api/v1/runs", request, timeout=180), "POST /runs")
        self.tokens += len(body["tokens"]) - body["prompt_length"]
        return body["id"]

    def round(self):
        """Ten captures, a hundred tokens, a comparison, and two models that replace one."""
        engine = self.random.choice(["torch", "onnx"])
        for _ in range(10):
            hook = self.random.choice(CAPTURES)
            text = "".join(self.random.choice("abcdefgh ") for _ in range(self.random.randrange(1, 40)))
            run = self.run(model="tiny-llama", engine=engine, prompt=text, capture=[hook])
            hooks = self.server.done(self.server.get(f"/api/v1/runs/{run}/captures"), "GET captures")["captures"]
            self.server.sound(self.server.get(f"/api/v1/runs/{run}/captures/{self.random.choice(hooks)['hook']}"), "GET a capture")
            self.captures += 1
        self.run(model="tiny-llama", engine=engine, prompt="Once", generate={"max_new_tokens": 100, "ignore_eos": True, "seed": self.next})
        request = {
            "a": {"model": "tiny-llama", "prompt": "Once upon a time", "engine": "onnx"},
            "b": {"engine": engine, "precision": "int8" if engine == "onnx" else "fp16"},
            "text": "Once upon a time there was a boat. " * 4,
        }
        self.server.done(self.server.post("/api/v1/comparisons", request, timeout=180), "POST /comparisons")
        self.comparisons += 1
        for _ in range(2):
            self.replace()
            self.run(model="changing", engine=engine, prompt="a", generate={"max_new_tokens": 2})
        self.next += 1

    def replace(self):
        """A new folder in the place of the one that is open."""
        made = servers.tiny_llama(self.server.scratch / f"made-{self.replaced}")
        old = self.server.scratch / "old"
        served = self.server.models / "changing"
        if served.exists():
            served.rename(old)
        made.rename(served)
        shutil.rmtree(old, ignore_errors=True)
        self.replaced += 1


def flat(samples, figures):
    """What has risen between the second quarter of the samples and the last."""
    quarter = len(samples) // 4
    risen, words = [], []
    for name, (figure, slack) in figures.items():
        second = statistics.median(figure(s) for s in samples[quarter : 2 * quarter])
        last = statistics.median(figure(s) for s in samples[3 * quarter :])
        words.append(f"{name} {second:.0f} -> {last:.0f}")
        if last > second + max(slack, second / 10):
            risen.append(f"{name} rises from {second:.0f} to {last:.0f}")
    return risen, words


def main():
    parser = argparse.ArgumentParser(prog="scripts/attack soak", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="captures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="end after so many, sooner than the count says")
    options = parser.parse_args()
    started = time.monotonic()
    samples, collected, broken = [], [], []
    with Server(["--memory", f"{BUDGET_MIB}MiB", "--runs-max-bytes", "64MiB"]) as server:
        servers.tiny_llama(server.models / "tiny-llama")
        server.start()
        soak = Soak(server, options.seed)
        try:
            while soak.captures < options.count and time.monotonic() - started < options.seconds:
                soak.round()
                if soak.next % 10 == 0 and shutil.which("jcmd"):  # so that the heap's figure is of what is in use
                    subprocess.run(["jcmd", str(server.process.pid), "GC.run"], check=False, stdout=subprocess.DEVNULL)
                    collected.append(Sample(server))
                samples.append(Sample(server))
                if samples[-1].held > BUDGET_MIB * MIB:
                    raise Broken(f"more is held than the budget: {samples[-1]}")
                if soak.next % 10 == 1:
                    print(f"{soak.captures} captures, {soak.tokens} tokens: {samples[-1]}", flush=True)
        except Broken as e:
            broken.append(str(e))
        if len(samples) >= 8:
            risen, words = flat(samples, FIGURES)
            broken += risen
            if len(collected) >= 8:
                risen, more = flat(collected, {"heap in use": (lambda s: (s.heap_used - s.on_heap) / MIB, 16)})
                broken, words = broken + risen, words + more
        else:
            words = [str(s) for s in samples[-1:]]
        broken += server.errors()
        for fault in broken:
            print(f"BROKEN {fault[:1000]}", flush=True)
    print(
        f"soak: {soak.captures} captures, {soak.tokens} tokens, {soak.comparisons} comparisons, {soak.replaced} replaced models,"
        f" {len(broken)} broken; second and last quarter: {', '.join(words)}; {time.monotonic() - started:.0f} s"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
