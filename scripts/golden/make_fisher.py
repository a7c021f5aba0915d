#!/usr/bin/env python3
"""Writes fisher.json: what plain PyTorch says of squared gradient times squared change of each matrix's output.

    pip install torch transformers
    scripts/golden/make_fisher.py

The model is the golden llama in float32. Each matrix is rounded to FP16 alone and multiplied with what it read before; the
gradient is that of the sum of -ln p(next token). SensitivityTest holds the program's figures to these.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

RESOURCES = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources"
NAMES = {"self_attn.q_proj": "attn.q", "self_attn.k_proj": "attn.k", "self_attn.v_proj": "attn.v"}
NAMES |= {"self_attn.o_proj": "attn.o", "mlp.gate_proj": "mlp.gate", "mlp.up_proj": "mlp.in", "mlp.down_proj": "mlp.out"}
TOKENS = [1, 17, 93, 5, 240, 61, 8, 130, 77, 29, 201, 44]


def main() -> None:
    model = AutoModelForCausalLM.from_pretrained(RESOURCES / "golden/hf/llama", dtype=torch.float32)
    seen = {}

    def keep(name):
        def hook(module, inputs, output):
            output.retain_grad()
            seen[name] = (module, inputs[0], output)

        return hook

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(keep(name))
    ids = torch.tensor([TOKENS])
    logits = model(ids).logits
    torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum").backward()
    matrices = {}
    for name, (module, x, z) in seen.items():
        canonical = "unembed"
        if name != "lm_head":
            _, _, layer, part = name.split(".", 3)
            canonical = f"blocks.{layer}.{NAMES[part]}"
        rounded = module.weight.half().double() - module.weight.double()
        change = x.double() @ rounded.T
        matrices[canonical] = (z.grad.double() ** 2 * change**2).sum().item() / 2 / (len(TOKENS) - 1)
    out = {"tokens": TOKENS, "matrices": matrices}
    (RESOURCES / "fisher.json").write_text(json.dumps(out, indent=1) + "\n")


main()
