#!/usr/bin/env python3
"""Makes the golden of what numpy finds in embedding tables: neighbours, principal components, norms, waves.

    python scripts/golden/make_neighbours.py inspector-core/src/test/resources

Reads the goldens' own model.safetensors. Needs: numpy.
"""

import json
import sys
from pathlib import Path

import numpy as np

TABLES = {
    "llama": "model.embed_tokens.weight",
    "llama_bf16": "model.embed_tokens.weight",
    "gpt2": "transformer.wte.weight",
    "gemma2": "model.embed_tokens.weight",
}


def table(path, name):
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    info = json.loads(raw[8 : 8 + size])[name]
    start, end = info["data_offsets"]
    data = raw[8 + size + start : 8 + size + end]
    if info["dtype"] == "BF16":
        values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[info["dtype"]]).astype(np.float32)
    return values.reshape(info["shape"]).astype(np.float64)


def neighbours(rows, plus, minus, metric):
    v = rows[plus].sum(0) - (rows[minus].sum(0) if minus else 0)
    scores = rows @ v
    if metric == "cosine":
        scores = scores / (np.linalg.norm(rows, axis=1) * np.linalg.norm(v))
    scores[plus + minus] = -np.inf
    order = np.argsort(-scores, kind="stable")[:10]
    return {"plus": plus, "minus": minus, "metric": metric, "ids": order.tolist(), "scores": scores[order].tolist()}


def pca(rows, ids):
    x = rows[ids] - rows[ids].mean(0)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return {"ids": ids, "shares": (s**2 / (s**2).sum())[:3].tolist(), "at": np.abs(u[:, :3] * s[:3]).tolist()}


def waves(rows, period):
    x = rows[:period] - rows[:period].mean(0)
    turned = np.fft.rfft(x, axis=0)[1:]
    energy = (np.abs(turned) ** 2).sum(1) * np.where(2 * np.arange(1, len(turned) + 1) == period, 1, 2) / period
    best = int(np.argmax(energy))
    # Lengths in the plane of the real and the imaginary direction do not depend on which way its axes point.
    plane, _ = np.linalg.qr(np.stack([turned[best].real, turned[best].imag], 1))
    return {
        "period": period,
        "shares": (energy / (x**2).sum()).tolist(),
        "turns": best + 1,
        "lengths": np.linalg.norm(x @ plane, axis=1).tolist(),
    }


def main(resources):
    resources = Path(resources)
    golden = {}
    for model, name in TABLES.items():
        folder = resources / "golden" / "hf" / model
        shapes = table(folder / "model.safetensors", name)
        norms = np.linalg.norm(shapes, axis=1)
        asked = [([5], []), ([5, 9], [7]), ([40, 41, 42], [])]
        golden[model] = {
            "neighbours": [neighbours(shapes, p, m, metric) for p, m in asked for metric in ("cosine", "dot")],
            "pca": [pca(shapes, list(range(3, 9))), pca(shapes, list(range(0, 200, 3)))],
            "waves": [waves(shapes, 31), waves(shapes, 12)],
            "norms": {"min": norms.min(), "max": norms.max(), "mean": norms.mean(), "counts": np.histogram(norms, 8)[0].tolist()},
        }
    (resources / "neighbours.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
