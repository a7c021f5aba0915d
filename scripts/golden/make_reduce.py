#!/usr/bin/env python3
"""Writes golden/reduce: hooked values of a small corpus, and what numpy computes of them, for the reducers of a sweep.

    pip install numpy safetensors
    scripts/golden/make_reduce.py

values.safetensors has four windows of six tokens (from, window, document; two batches of two windows) with random values under
the hooks' names; expected.safetensors what ReducerGoldenTest holds the reducers to. The second window's first two positions repeat
the first's, one value is NaN and one infinite.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden/reduce"
WINDOWS, POS, HEADS, D_HEAD, VOCAB, EXPERTS, D_MODEL, K = 4, 6, 3, 4, 11, 4, 12, 3
Z, PATTERN, RESID = "blocks.1.attn.hook_z", "blocks.1.attn.hook_pattern", "blocks.0.hook_resid_post"
ROUTER, CHOSEN = "blocks.1.mlp.hook_router_logits", "blocks.1.mlp.hook_expert_indices"


def values(random):
    tokens = random.integers(0, VOCAB, (WINDOWS, POS)).astype(np.int32)
    z = (random.standard_normal((WINDOWS, POS, HEADS, D_HEAD)) * 2.0 ** random.integers(-3, 4, (WINDOWS, POS, 1, 1))).astype(np.float32)
    z[random.random(z.shape) < 0.1] = 0
    z[0, 3, 0, 1], z[2, 1, 2, 3] = np.nan, np.inf
    scores = random.standard_normal((WINDOWS, HEADS, POS, POS))
    scores[..., np.triu(np.ones((POS, POS), bool), 1)] = -np.inf
    pattern = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    logits = random.standard_normal((WINDOWS, POS, VOCAB)) * 3
    return {
        "tokens": tokens,
        "from": np.array([0, 2, 0, 0], np.int32),
        "window": np.array([5, 6, 9, 12], np.int64),
        "document": np.array([1, 1, 2, 4], np.int64),
        Z: z,
        PATTERN: pattern.astype(np.float32),
        ROUTER: random.standard_normal((WINDOWS, POS, EXPERTS)).astype(np.float32),
        CHOSEN: np.stack([random.permutation(EXPERTS)[:2] for _ in range(WINDOWS * POS)]).reshape(WINDOWS, POS, 2).astype(np.float32),
        RESID: random.standard_normal((WINDOWS, POS, D_MODEL)).astype(np.float32),
        "unembed": random.standard_normal((D_MODEL, VOCAB)).astype(np.float32),
        "logits": logits.astype(np.float32),
        "logits_b": (logits + random.standard_normal(logits.shape) / 4).astype(np.float32),
    }


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def per_channel(v, counts):
    """Of blocks.1.attn.hook_z: moments, top examples, histograms, squares, covariance."""
    x = v[Z].reshape(WINDOWS, POS, -1)
    rows = x[counts].astype(np.float64)  # [position that counts, channel]
    finite = np.isfinite(rows)
    channels = [rows[finite[:, c], c] for c in range(rows.shape[1])]
    out = {
        "moments/count": np.array([len(c) for c in channels], np.int64),
        "moments/mean": np.array([c.mean() for c in channels]),
        "moments/m2": np.array([c.var() * len(c) for c in channels]),
        "moments/min": np.array([c.min() for c in channels], np.float32),
        "moments/max": np.array([c.max() for c in channels], np.float32),
        "histogram/rate": np.array([(c > 0).mean() for c in channels]),
        "histogram/quantiles": np.quantile(rows[finite], [0.1, 0.25, 0.5, 0.9], method="inverted_cdf"),
    }
    for end, sign in (("high", -1), ("low", 1)):
        kept = []
        for c in range(x.shape[2]):
            best = []
            for w in range(WINDOWS):
                own = np.where(counts[w] & np.isfinite(x[w, :, c]), sign * x[w, :, c].astype(np.float64), np.inf)
                p = int(own.argmin())
                best.append((own[p] + 0.0, int(v["window"][w]), p))
            kept.append(sorted(best)[:K])
        out[f"top/{end}/window"] = np.array([[b[1] for b in unit] for unit in kept], np.int64)
        out[f"top/{end}/position"] = np.array([[b[2] for b in unit] for unit in kept], np.int32)
    whole = rows[finite.all(1)]
    out["imatrix/sum2"] = (whole**2).sum(0)
    out["imatrix/count"] = np.array([len(whole)], np.int64)
    out["covariance/mean"] = whole.mean(0)
    out["covariance/m2"] = np.cov(whole.T, bias=True) * len(whole)
    return out


def outputs(v, counts):
    predicted = counts.copy()
    predicted[:, 0] = False
    w, t = np.nonzero(predicted)  # the token at t is predicted by the row before it
    ids = v["tokens"][w, t]
    a, b = log_softmax(v["logits"][w, t - 1]), log_softmax(v["logits_b"][w, t - 1])
    nll = -a[np.arange(len(w)), ids]
    nll_b = -b[np.arange(len(w)), ids]
    early = log_softmax(v[RESID][w, t - 1].astype(np.float64) @ v["unembed"].astype(np.float64))
    by = {"ab": (np.exp(a) * (a - b)).sum(1), "ba": (np.exp(b) * (b - a)).sum(1)}
    window = lambda values: np.bincount(w, values, WINDOWS)
    return {
        "loss/position": np.bincount(t, nll, POS),
        "loss/token": np.bincount(ids, nll, VOCAB),
        "loss/window": window(nll),
        "lens/loss": np.array([-early[np.arange(len(w)), ids].sum(), nll.sum()]),
        "lens/same_top": np.array([(early.argmax(1) == a.argmax(1)).sum(), len(w)], np.int64),
        "divergence/kl_ab": window(by["ab"]),
        "divergence/kl_ba": window(by["ba"]),
        "divergence/nll_b": window(nll_b),
        "divergence/same_top": window(a.argmax(1) == b.argmax(1)).astype(np.int64),
    }


def heads(v, counts):
    sums = {name: (np.zeros(HEADS), np.zeros(HEADS, np.int64)) for name in ("previous_token", "first_token", "self", "duplicate_token", "induction", "entropy")}

    def add(name, attention):
        sums[name][0][:] += attention
        sums[name][1][:] += 1

    for w, q in zip(*np.nonzero(counts)):
        p = v[PATTERN][w, :, q].astype(np.float64)  # [head, key]
        tokens = v["tokens"][w]
        earlier = [k for k in range(q) if tokens[k] == tokens[q]]
        after = [k + 1 for k in earlier if k + 1 < q]
        if q >= 2:
            add("previous_token", p[:, q - 1])
            add("first_token", p[:, 0])
            add("self", p[:, q])
        if earlier:
            add("duplicate_token", p[:, earlier].sum(1))
        if after:
            add("induction", p[:, after].sum(1))
        if q > 0:
            add("entropy", -(p[:, : q + 1] * np.log(p[:, : q + 1])).sum(1))
    out = {f"heads/{name}/sum": s for name, (s, _) in sums.items()}
    return out | {f"heads/{name}/count": n for name, (_, n) in sums.items()}


def router(v, counts):
    chosen = v[CHOSEN][counts].astype(int)
    one_hot = np.eye(EXPERTS, dtype=np.int64)[chosen].sum(1)
    p = log_softmax(v[ROUTER][counts])
    return {
        "router/load": one_hot.sum(0),
        "router/together": one_hot.T @ one_hot,
        "router/entropy": np.array([-(np.exp(p) * p).sum()]),
    }


def main():
    v = values(np.random.default_rng(41))
    counts = np.arange(POS)[None] >= v["from"][:, None]
    expected = per_channel(v, counts) | outputs(v, counts) | heads(v, counts) | router(v, counts)
    FOLDER.mkdir(exist_ok=True)
    save_file({k: np.ascontiguousarray(t) for k, t in v.items()}, FOLDER / "values.safetensors")
    save_file({k: np.ascontiguousarray(t) for k, t in expected.items()}, FOLDER / "expected.safetensors")


if __name__ == "__main__":
    main()
