"""Counts what transformers and PyTorch count: a model's parameters, and the FLOPs of one token after ten in the cache.

    python scripts/golden/make_costs.py > inspector-core/src/test/resources/costs.json
"""

import json
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden/hf"
PAST = 10


def costs(folder: Path) -> dict:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ids = torch.arange(1, PAST + 2).unsqueeze(0)
    with torch.no_grad():
        cache = model(ids[:, :PAST], use_cache=True).past_key_values
        with FlopCounterMode(display=False) as counter:
            model(ids[:, PAST:], past_key_values=cache, use_cache=True)
    # Its rotary_emb multiplies positions by frequencies as a matrix product; that is no product of the model's.
    counts = counter.get_flop_counts()
    angles = sum(sum(c.values()) for name, c in counts.items() if name.endswith(".rotary_emb"))
    return {"parameters": model.num_parameters(), "past": PAST, "flops": counter.get_total_flops() - angles}


if __name__ == "__main__":
    folders = sorted(p for p in ROOT.iterdir() if (p / "config.json").exists())
    print(json.dumps({p.name: costs(p) for p in folders}, indent=1))
