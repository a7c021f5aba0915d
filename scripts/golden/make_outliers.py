#!/usr/bin/env python3
"""Writes outliers.json: the outliers of what every matrix of two golden models reads, by transformers and numpy.

    pip install torch transformers
    scripts/golden/make_outliers.py

A llama (RMSNorm, gated) and a gpt2 (LayerNorm with bias); ActivationsTest holds the program's figures to these.
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

RESOURCES = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources"
TOKENS = [1, 17, 93, 5, 240, 61, 8, 130, 77, 29, 201, 44]
FEEDS = {
    "self_attn.q_proj": "QKV",
    "self_attn.o_proj": "O",
    "mlp.up_proj": "MLP_IN",
    "mlp.down_proj": "MLP_OUT",
    "attn.c_attn": "QKV",
    "attn.c_proj": "O",
    "mlp.c_fc": "MLP_IN",
    "mlp.c_proj": "MLP_OUT",
}


def outliers(x: np.ndarray) -> dict:
    x = x.astype(np.float64)
    position, channel = np.unravel_index(np.abs(x).argmax(), x.shape)
    energy = np.sort((x**2).sum(axis=0))[::-1]
    top = max(1, x.shape[1] // 100)
    centred = x - x.mean()
    return {
        "max_abs": float(np.abs(x).max()),
        "position": int(position),
        "channel": int(channel),
        "rms": float(np.sqrt((x**2).mean())),
        "kurtosis": float((centred**4).mean() / (centred**2).mean() ** 2),
        "top_share": float(energy[:top].sum() / energy.sum()),
    }


def read(name: str) -> list:
    model = AutoModelForCausalLM.from_pretrained(RESOURCES / "golden/hf" / name, dtype=torch.float32)
    rows = []

    def hook(layer, feeds):
        def keep(module, inputs, output):
            rows.append({"layer": layer, "feeds": feeds, **outliers(inputs[0][0].numpy())})

        return keep

    for path, module in model.named_modules():
        part = ".".join(path.split(".")[-2:])
        if path == "lm_head":
            module.register_forward_hook(hook(None, "UNEMBED"))
        elif part in FEEDS:
            module.register_forward_hook(hook(int(path.split(".")[2]), FEEDS[part]))
    with torch.no_grad():
        model(torch.tensor([TOKENS]))
    return rows


def main() -> None:
    out = {"tokens": TOKENS} | {name: read(name) for name in ("llama", "gpt2")}
    (RESOURCES / "outliers.json").write_text(json.dumps(out, indent=1) + "\n")


main()
