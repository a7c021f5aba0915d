#!/usr/bin/env python3
"""Writes the goldens of causal analyses: TransformerLens's patching, and EAP and EAP-IG in plain PyTorch over its split inputs.

Usage: make_lab.py GOLDENS OUT    GOLDENS: inspector-core/src/test/resources/golden/hf
Needs torch, transformers<5 and transformer_lens. The model is the golden gpt2, in float64.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig, patching
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights
from transformers import GPT2LMHeadModel

CLEAN = [5, 17, 33, 80, 12, 200, 41]
CORRUPT = [5, 17, 99, 80, 12, 200, 41]
ANSWER, AGAINST = 7, 150
STEPS = 4


def model(folder: Path) -> HookedTransformer:
    hf = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").double()
    c = hf.config
    cfg = HookedTransformerConfig(
        n_layers=c.n_layer, d_model=c.n_embd, n_ctx=c.n_positions, d_head=c.n_embd // c.n_head, n_heads=c.n_head,
        d_mlp=4 * c.n_embd, d_vocab=c.vocab_size, act_fn="gelu_new", normalization_type="LN",
        eps=c.layer_norm_epsilon, dtype=torch.float64, device="cpu", original_architecture="GPT2LMHeadModel")
    tl = HookedTransformer(cfg)
    tl.load_state_dict(convert_gpt2_weights(hf, cfg), strict=False)
    with torch.no_grad():
        ids = torch.tensor([CLEAN])
        assert torch.allclose(tl(ids), hf(ids).logits, atol=1e-9), "the model is not the same"
    return tl


def metric(logits: torch.Tensor) -> torch.Tensor:
    return logits[0, -1, ANSWER] - logits[0, -1, AGAINST]


def edges(tl: HookedTransformer, steps: int) -> dict:
    """Scores of all edges: change of the writer, corrupt less clean, times the gradient at the reader's input before its norm.

    steps 0: the gradient at the clean run (EAP); else the mean at corrupt + k/steps (clean - corrupt), k = 0..steps-1.
    """
    tl.set_use_split_qkv_input(True)
    tl.set_use_hook_mlp_in(True)
    tl.set_use_attn_result(True)
    layers, heads = tl.cfg.n_layers, tl.cfg.n_heads
    runs = {}
    for name, ids in (("clean", CLEAN), ("corrupt", CORRUPT)):
        _, runs[name] = tl.run_with_cache(torch.tensor([ids]))
    writers = {"input": runs["corrupt"]["blocks.0.hook_resid_pre"] - runs["clean"]["blocks.0.hook_resid_pre"]}
    order = ["input"]
    for l in range(layers):
        result = f"blocks.{l}.attn.hook_result"
        for h in range(heads):
            order.append(f"a{l}.h{h}")
            writers[order[-1]] = (runs["corrupt"][result] - runs["clean"][result])[:, :, h]
        out = f"blocks.{l}.hook_mlp_out"
        order.append(f"m{l}")
        writers[order[-1]] = runs["corrupt"][out] - runs["clean"][out]
    readers = {}
    for l in range(layers):
        for h in range(heads):
            for part in "qkv":
                readers[f"a{l}.h{h}<{part}>"] = (f"blocks.{l}.hook_{part}_input", h, 1 + l * (heads + 1))
        readers[f"m{l}"] = (f"blocks.{l}.hook_mlp_in", None, 1 + l * (heads + 1) + heads)
    readers["logits"] = (f"blocks.{layers - 1}.hook_resid_post", None, len(order))
    scores = {}
    start, end = runs["corrupt"]["hook_embed"], runs["clean"]["hook_embed"]
    for k in range(max(1, steps)):
        share = k / steps if steps else 1.0
        gradients = {}

        def keep(value, hook):
            value.requires_grad_(True) if value.is_leaf else value.retain_grad()
            gradients[hook.name] = value
            return value

        names = {hook for hook, _, _ in readers.values()}
        fwd = [("hook_embed", lambda value, hook: start + share * (end - start))]
        fwd += [(name, keep) for name in names]
        tl.zero_grad()
        metric(tl.run_with_hooks(torch.tensor([CLEAN]), fwd_hooks=fwd)).backward()
        for reader, (hook, head, before) in readers.items():
            g = gradients[hook].grad
            g = g if head is None else g[:, :, head]
            for writer in order[:before]:
                edge = f"{writer}->{reader}"
                scores[edge] = scores.get(edge, 0.0) + (writers[writer] * g).sum().item() / max(1, steps)
    tl.set_use_split_qkv_input(False)
    tl.set_use_hook_mlp_in(False)
    tl.set_use_attn_result(False)
    return scores


def nodes(tl: HookedTransformer) -> dict:
    """Attribution patching as TransformerLens's tutorial has it: (clean - corrupt) . gradient at the corrupt run, by position."""
    _, clean = tl.run_with_cache(torch.tensor([CLEAN]))
    values = {}

    def keep(value, hook):
        value.retain_grad()
        values[hook.name] = value
        return value

    names = [f"blocks.{l}.{p}" for l in range(tl.cfg.n_layers) for p in ("hook_attn_out", "hook_mlp_out")]
    metric(tl.run_with_hooks(torch.tensor([CORRUPT]), fwd_hooks=[(n, keep) for n in names])).backward()
    out = {}
    for point in ("hook_attn_out", "hook_mlp_out"):
        rows = []
        for l in range(tl.cfg.n_layers):
            name = f"blocks.{l}.{point}"
            rows += ((clean[name] - values[name]) * values[name].grad).sum(-1)[0].tolist()
        out[point] = rows
    return out


def main() -> None:
    goldens, out = Path(sys.argv[1]), Path(sys.argv[2])
    tl = model(goldens / "gpt2")
    clean, corrupt = torch.tensor([CLEAN]), torch.tensor([CORRUPT])
    with torch.no_grad():
        _, cache = tl.run_with_cache(clean)
        found = {
            "hook_resid_pre": patching.get_act_patch_resid_pre(tl, corrupt, cache, metric),
            "hook_attn_out": patching.get_act_patch_attn_out(tl, corrupt, cache, metric),
            "hook_mlp_out": patching.get_act_patch_mlp_out(tl, corrupt, cache, metric),
            "attn.hook_z": patching.get_act_patch_attn_head_out_all_pos(tl, corrupt, cache, metric),
            "attn.hook_q": patching.get_act_patch_attn_head_q_all_pos(tl, corrupt, cache, metric),
            "attn.hook_pattern": patching.get_act_patch_attn_head_pattern_all_pos(tl, corrupt, cache, metric),
        }
        ends = {"clean": metric(tl(clean)).item(), "corrupt": metric(tl(corrupt)).item()}
    answer = {
        "made_by": f"transformer_lens {version('transformer_lens')}, torch {torch.__version__}, float64",
        "model": "gpt2",
        "clean_ids": CLEAN,
        "corrupt_ids": CORRUPT,
        "answer": ANSWER,
        "against": AGAINST,
        "steps": STEPS,
        **ends,
        "patch": {k: [round(x, 8) for x in v.flatten().tolist()] for k, v in found.items()},
        "attribution": {k: [round(x, 8) for x in v] for k, v in nodes(tl).items()},
        "eap": {k: round(v, 8) for k, v in edges(tl, 0).items()},
        "eap_ig": {k: round(v, 8) for k, v in edges(tl, STEPS).items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpt2.json").write_text(json.dumps(answer, indent=0) + "\n")


if __name__ == "__main__":
    main()
