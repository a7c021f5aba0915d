#!/usr/bin/env python3
"""Writes optimizers.json: three updates of PyTorch's optimizers, which TorchLearnerTest repeats.

    python3 scripts/golden/make_optimizers.py inspector-core/src/test/resources/optimizers.json

The 116 weights are those of a Llama with d_model 4, one layer, 2 heads (1 of keys), d_mlp 3 and a vocabulary of 5, flat:
104 in matrices, which decay, and 12 in norms, which do not. Gradients are random; the second is clipped to norm 1.
Made with torch 2.15.0, in float32.
"""
import json
import sys

import torch

MATRICES, ALL, RATE, DECAY = 104, 116, [1e-2, 2e-2, 5e-3], 0.1
KINDS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=1),
    "momentum": lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.9),
    "adam": lambda groups: torch.optim.Adam(groups, lr=1, betas=(0.9, 0.95), eps=1e-8),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=1, betas=(0.9, 0.95), eps=1e-8),
}

torch.manual_seed(11)
first = torch.randn(ALL)
gradients = [torch.randn(ALL) * 0.05, torch.randn(ALL), torch.randn(ALL) * 0.2]
golden = {"weights": first.tolist(), "gradients": [g.tolist() for g in gradients], "rates": RATE, "decay": DECAY, "after": {}}
for kind, make in KINDS.items():
    matrices = torch.nn.Parameter(first[:MATRICES].clone())
    vectors = torch.nn.Parameter(first[MATRICES:].clone())
    optimizer = make([{"params": [matrices], "weight_decay": DECAY}, {"params": [vectors], "weight_decay": 0.0}])
    golden["after"][kind] = []
    for gradient, rate in zip(gradients, RATE):
        for group in optimizer.param_groups:
            group["lr"] = rate
        matrices.grad, vectors.grad = gradient[:MATRICES].clone(), gradient[MATRICES:].clone()
        norm = torch.nn.utils.clip_grad_norm_([matrices, vectors], 1.0)
        optimizer.step()
        golden["after"][kind].append({"norm": float(norm), "weights": torch.cat([matrices, vectors]).tolist()})
with open(sys.argv[1], "w") as out:
    json.dump(golden, out)
    out.write("\n")
