"""A patching grid in turns with TransformerLens's: resid_pre, attn_out and mlp_out at every layer and position of a 16-token prompt.

The model has the shape of GPT-2 small and random weights; both patch clean values into the corrupt run and read one logit difference.
Ours is POST /analyses to one server, the `seconds` of its answer; the peer calls `transformer_lens.patching`, which runs one pass a place.
The same grid of the embedded model is timed alone.

    python scripts/benchmarks/lab.py [--rounds 5] [--threads 2]
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLEAN = list(range(100, 116))
CORRUPT = [*CLEAN[:4], 7777, *CLEAN[5:]]
ANSWER, AGAINST = 1000, 2000
TALES = ('Mia gave a red ball to Ben and then a kite. "Thank you,', 'Ben gave a red ball to Mia and then a kite. "Thank you,')


def make(folder):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)


def peer(folder, threads):
    import torch
    from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
    from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
    from transformers import GPT2LMHeadModel

    torch.set_num_threads(threads)
    hf = GPT2LMHeadModel.from_pretrained(folder)
    c = hf.config
    cfg = HookedTransformerConfig(
        n_layers=c.n_layer, d_model=c.n_embd, n_ctx=c.n_positions, d_head=c.n_embd // c.n_head, n_heads=c.n_head, d_mlp=4 * c.n_embd,
        d_vocab=c.vocab_size, act_fn="gelu_new", normalization_type="LN", eps=c.layer_norm_epsilon, device="cpu",
        original_architecture="GPT2LMHeadModel")
    model = HookedTransformer(cfg)
    model.load_state_dict(convert_gpt2_weights(hf, cfg), strict=False)
    del hf
    corrupt = torch.tensor([CORRUPT])
    metric = lambda logits: logits[0, -1, ANSWER] - logits[0, -1, AGAINST]
    with torch.inference_mode():
        began = time.perf_counter()
        _, cache = model.run_with_cache(torch.tensor([CLEAN]))
        grids = [f(model, corrupt, cache, metric) for f in (
            patching.get_act_patch_resid_pre, patching.get_act_patch_attn_out, patching.get_act_patch_mlp_out)]
        took = time.perf_counter() - began
    print(json.dumps({"seconds": took, "sum": sum(g.double().abs().sum().item() for g in grids)}))


def ask(address, request):
    call = urllib.request.Request(address + "/api/v1/analyses", json.dumps(request).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=600) as answer:
        return json.loads(answer.read())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help="(of this script itself) the folder of the model that the peer opens")
    args = parser.parse_args()
    if args.peer:
        return peer(args.peer, args.threads)
    with tempfile.TemporaryDirectory() as folder:
        rounds(args, pathlib.Path(folder))


def rounds(args, scratch):
    shape = scratch / "models/gpt2-shape"
    make(shape)
    (scratch / "models/tales-4m").symlink_to(ROOT / "model-cache/tales-4m")
    environment = dict(os.environ, LLM_INSPECTOR_HOME=str(scratch / "home"), JAVA_OPTS=f"-Dai.djl.pytorch.num_threads={args.threads}")
    jar = ROOT / "inspector-web/target/llm-inspector.jar"
    server = subprocess.Popen(
        [str(ROOT / "scripts/launch.sh"), str(jar), "serve", "--port", "0", "--model-root", str(scratch / "models"), "--model", str(shape)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        address = next(m.group(0).rstrip("/") for line in server.stdout if (m := re.search(r"http://\S+", line)))
        grid = {
            "kind": "patch",
            "clean": {"model": "gpt2-shape", "tokens": CLEAN},
            "corrupt": {"tokens": CORRUPT},
            "metric": {"answer_ids": [ANSWER], "against_ids": [AGAINST]},
        }
        tales = {"kind": "patch", "clean": {"model": "tales-4m", "prompt": TALES[0]}, "corrupt": {"prompt": TALES[1]}}
        for request in (grid, tales):
            ask(address, request)  # opens the model and warms up
        seconds = {"ours": [], "transformer_lens": [], "tales-4m": []}
        for k in range(args.rounds):
            found = ask(address, grid)
            seconds["ours"].append(found["seconds"])
            places = sum(len(s["values"]) for s in found["scores"])
            total = sum(abs(v) for s in found["scores"] for v in s["values"])
            few = ask(address, tales)
            seconds["tales-4m"].append(few["seconds"])
            command = [sys.executable, __file__, "--peer", str(shape), "--threads", str(args.threads)]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds["transformer_lens"].append(said["seconds"])
            if abs(said["sum"] - total) > 1e-3 * total:
                sys.exit(f"the grids differ: {total} here, {said['sum']} there")
            print(f"round {k}: {', '.join(f'{name} {of[-1]:.2f}' for name, of in seconds.items())} s", flush=True)
        print(f"{places} places; tales-4m {sum(len(s['values']) for s in few['scores'])} places of {len(few['clean']['tokens'])} tokens")
        for name, of in seconds.items():
            print(f"{name}: {statistics.median(of):.2f} ({min(of):.2f} to {max(of):.2f}) s")
        print(f"ours / transformer_lens: {statistics.median(a / b for a, b in zip(seconds['ours'], seconds['transformer_lens'])):.2f}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
