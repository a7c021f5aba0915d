"""A sweep in turns with the same in plain transformers: loss and the moments of each layer's residual stream and neurons.

One round is one fresh process of each over the same tokens, one after the other. Ours is `inspector sweep --reduce loss,moments` with
the hooks resid_post and mlp.hook_post; the peer reads the same windows in batches of 8 with forward hooks and merges float64 moments
(Chan, Golub and LeVeque 1983). Both rates are tokens per second without opening the model: the peer's from its first batch to its last, ours
by the time that all texts take more than the first 16. --windows N instead: one sweep of so many windows, and its process' resident memory once per second.

    python scripts/benchmarks/sweep.py [--model model-cache/tales-4m] [--documents 400] [--rounds 5] [--threads 2]
    python scripts/benchmarks/sweep.py --windows 10000 [--model DIR]
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WINDOW = 128


def ours(args, corpus, out, *more):
    environment = dict(os.environ, JAVA_OPTS=f"-Dai.djl.pytorch.num_threads={args.threads} -Dinspector.onnx.threads={args.threads}")
    jar = ROOT / "inspector-web/target/llm-inspector.jar"
    return subprocess.Popen(
        [str(ROOT / "scripts/launch.sh"), str(jar), "sweep", "--model", args.model, "--corpus", corpus, "--window", str(WINDOW), "--json", "-q"]
        + ["--reduce", "loss,moments", "--hooks", "blocks.*.hook_resid_post,blocks.*.mlp.hook_post", "--out", str(out), "--trust", *more],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def peer(model_dir, texts, threads):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="sdpa").eval()
    state = {}

    def moments(name, x):
        x = x.reshape(-1, x.shape[-1]).double()  # [batch * pos, channel]
        n, mean = x.shape[0], x.mean(0)
        m2 = ((x - mean) ** 2).sum(0)
        if name not in state:
            state[name] = [n, mean, m2, x.amin(0), x.amax(0)]
            return
        had, at, sum2, low, high = state[name]
        delta = mean - at
        state[name] = [
            had + n,
            at + delta * n / (had + n),
            sum2 + m2 + delta**2 * had * n / (had + n),
            torch.minimum(low, x.amin(0)),
            torch.maximum(high, x.amax(0)),
        ]

    for i, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda _m, _i, out, i=i: moments(f"resid{i}", out[0] if isinstance(out, tuple) else out))
        layer.mlp.down_proj.register_forward_pre_hook(lambda _m, args, i=i: moments(f"post{i}", args[0]))
    windows = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        windows += [ids[k : k + WINDOW] for k in range(0, len(ids) - WINDOW + 1, WINDOW)]
    batches = [torch.tensor(windows[k : k + 8]) for k in range(0, len(windows) - 7, 8)]
    nll = 0.0
    with torch.inference_mode():
        model(batches[0])  # warms up
        state.clear()
        began = time.perf_counter()
        for batch in batches:
            logits = model(batch, use_cache=False).logits  # [batch, pos, vocab]
            chosen = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten(), reduction="none")
            nll += chosen.double().sum().item()
        took = time.perf_counter() - began
    tokens = sum(b.numel() for b in batches)
    print(json.dumps({"tokens": tokens, "seconds": took, "loss": nll / (tokens - sum(len(b) for b in batches))}))


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory(args, scratch):
    child = ours(args, "tales:train", scratch / "memory", "--documents", str(args.windows * 2 // 3))
    seen = []
    while child.poll() is None:
        time.sleep(1)
        try:
            seen.append(resident(child.pid))
        except OSError:
            break
    said = json.loads(child.stdout.read())
    tenth = max(1, len(seen) // 10)
    marks = [round(statistics.median(seen[k : k + tenth])) for k in range(0, len(seen) - tenth + 1, tenth)]
    print(f"{said['windows']} windows, {len(seen)} s; anonymous memory in MiB, the median of each tenth of the time: {marks}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default=str(ROOT / "model-cache/tales-4m"))
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--windows", type=int)
    parser.add_argument("--peer", help="(of this script itself) the file of texts that the peer reads")
    args = parser.parse_args()
    if args.peer:
        return peer(args.model, json.loads(pathlib.Path(args.peer).read_text()), args.threads)
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        if args.windows:
            return memory(args, scratch)
        rounds(args, scratch)


def rounds(args, scratch):
    words = json.loads((pathlib.Path(args.model) / "tokenizer.json").read_text())["model"]["vocab"]
    plain = sorted(w.lstrip("\u0120") for w in words if w.startswith("\u0120") and w[1:].isalpha())
    draw = random.Random(1)
    texts = [" ".join(draw.choices(plain, k=draw.randint(200, 500))) for _ in range(args.documents)]
    (scratch / "texts.json").write_text(json.dumps(texts))
    (scratch / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    rates = {"torch": [], "onnx": [], "transformers": []}
    for k in range(args.rounds):
        for engine in ("torch", "onnx"):
            few, all_ = (timed(args, scratch / "texts.jsonl", scratch / f"{engine}{k}-{n}", engine, n) for n in (16, args.documents))
            rates[engine].append((all_[0] - few[0]) / (all_[1] - few[1]))
        command = [sys.executable, __file__, "--peer", str(scratch / "texts.json"), "--model", args.model, "--threads", str(args.threads)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rates["transformers"].append(said["tokens"] / said["seconds"])
        print(f"round {k}: {', '.join(f'{name} {of[-1]:.0f}' for name, of in rates.items())} tokens per second", flush=True)
    for name, of in rates.items():
        times = statistics.median(a / b for a, b in zip(of, rates["transformers"]))
        print(f"{name}: {statistics.median(of):.0f} ({min(of):.0f} to {max(of):.0f}) tokens per second, {times:.2f} of transformers")


def timed(args, corpus, out, engine, documents):
    began = time.perf_counter()
    said = json.loads(ours(args, str(corpus), out, "--engine", engine, "--documents", str(documents)).communicate()[0])
    return said["read"], time.perf_counter() - began


if __name__ == "__main__":
    main()
