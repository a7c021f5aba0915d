#!/usr/bin/env python3
"""Makes the golden of the sampler: what transformers' logits processors leave of a distribution.

    python scripts/golden/make_sampling.py inspector-core/src/test/resources/sampling/golden.json

Each case has the logits, the tokens seen, the options and the probabilities after repetition penalty, temperature,
top-k, top-p and min-p, in the order in which GenerationMixin applies them. Needs: torch, transformers.
"""

import json
import random
import sys
from pathlib import Path

import torch
import transformers
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


def warp(logits, seen, o):
    steps = LogitsProcessorList()
    if "repetition_penalty" in o:
        steps.append(RepetitionPenaltyLogitsProcessor(o["repetition_penalty"]))
    if "temperature" in o:
        steps.append(TemperatureLogitsWarper(o["temperature"]))
    if "top_k" in o:
        steps.append(TopKLogitsWarper(o["top_k"]))
    if "top_p" in o:
        steps.append(TopPLogitsWarper(o["top_p"]))
    if "min_p" in o:
        steps.append(MinPLogitsWarper(o["min_p"]))
    scores = steps(torch.tensor([seen]), torch.tensor([logits], dtype=torch.float64))
    return torch.softmax(scores, -1)[0].tolist()


def main(out):
    rng = random.Random(3)
    options = [
        {},
        {"temperature": 0.7},
        {"temperature": 3.0},
        {"top_k": 1},
        {"top_k": 5},
        {"top_k": 500},
        {"top_p": 0.9},
        {"top_p": 0.1},
        {"top_p": 0.999},
        {"min_p": 0.05},
        {"min_p": 1.0},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.8, "temperature": 0.5},
        {"temperature": 0.8, "top_k": 20, "top_p": 0.8},
        {"temperature": 1.5, "top_k": 12, "top_p": 0.95, "min_p": 0.1},
        {"repetition_penalty": 1.2, "temperature": 0.6, "top_k": 15, "top_p": 0.9, "min_p": 0.02},
    ]
    cases = []
    for n, spread in ((40, 3.0), (40, 0.3)):
        for o in options:
            # Half-precision steps, so that float32 and float64 hold the same number.
            logits = [round(rng.gauss(0, spread) * 256) / 256 for _ in range(n)]
            while "top_p" in o and len(set(logits)) < n:  # torch does not say which of two equal tokens goes
                logits = [round(rng.gauss(0, spread) * 4096) / 4096 for _ in range(n)]
            seen = [rng.randrange(n) for _ in range(6)]
            cases.append({"logits": logits, "seen": seen, "options": o, "probs": warp(logits, seen, o)})
    ties = [1.0, 2.0, 2.0, 0.5, 2.0, 2.0, -1.0]
    cases.append({"logits": ties, "seen": [0], "options": {"top_k": 2}, "probs": warp(ties, [0], {"top_k": 2})})
    golden = {"transformers": transformers.__version__, "torch": torch.__version__, "cases": cases}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(golden, separators=(",", ":")).replace('{"logits"', '\n{"logits"') + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
