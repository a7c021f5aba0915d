#!/usr/bin/env python3
"""Writes the goldens of what the lab fits: a logistic regression of scikit-learn's, and in plain PyTorch a Jacobian lens and the parts of
an attention score.

Usage: make_fits.py GOLDENS OUT    GOLDENS: inspector-core/src/test/resources/golden/hf
Needs torch, transformers and scikit-learn. The model is the golden gpt2, in float64.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from transformers import GPT2LMHeadModel

RUN = [5, 17, 33, 80, 12, 200, 41]
SKIP = 2
LAYER, HEAD, QUERY, KEY = 2, 1, 6, 3


def text(t: int, vocab: int) -> list[int]:
    return [3 + (i * i * (t + 1) + 7 * t + i) % (vocab - 3) for i in range(12)]


def probe() -> dict:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    y = (x @ np.array([1.0, -2.0, 0.5, 0.0]) + rng.normal(size=40) > 0.7).astype(int)
    fits = []
    for c in (0.1, 1.0, 10.0):
        fit = LogisticRegression(C=c, class_weight="balanced", tol=1e-12, max_iter=100_000, solver="newton-cholesky").fit(x, y)
        fits.append({"c": c, "weights": fit.coef_[0].tolist(), "intercept": fit.intercept_[0]})
    return {"x": x.tolist(), "y": y.tolist(), "fits": fits}


def streams(model: GPT2LMHeadModel, ids: list[int], layer: int, changed: torch.Tensor | None = None) -> dict:
    """A layer's residual stream and the last one, before the final norm; the former replaced where changed is given."""
    seen = {}

    def keep(module, args, out):
        h = changed if changed is not None else out[0] if isinstance(out, tuple) else out
        seen["here"] = h
        return (h, *out[1:]) if isinstance(out, tuple) else h

    def last(module, args):
        seen["last"] = args[0]

    hooks = [model.transformer.h[layer].register_forward_hook(keep), model.transformer.ln_f.register_forward_pre_hook(last)]
    seen["logits"] = model(torch.tensor([ids])).logits
    for h in hooks:
        h.remove()
    return seen


def jacobian(model: GPT2LMHeadModel, layer: int, texts: list[list[int]]) -> torch.Tensor:
    """Mean over texts and source positions t of the sum over t' of d h_last,t' / d h_t."""
    total, count = 0, 0
    for ids in texts:
        h = streams(model, ids, layer)["here"].detach()
        full = torch.autograd.functional.jacobian(lambda x: streams(model, ids, layer, x)["last"].sum(1)[0], h)[:, 0]
        total = total + full[:, SKIP:-1].sum(1)
        count += len(ids) - 1 - SKIP
    return total / count


def lens(model: GPT2LMHeadModel, texts: list[list[int]]) -> dict:
    train, held = texts[:-1], texts[-1:]
    rows, losses = [], []
    for layer in range(model.config.n_layer):
        j = jacobian(model, layer, train) if layer + 1 < model.config.n_layer else torch.eye(model.config.n_embd).double()

        def kl(ids: list[int]) -> list[float]:
            with torch.no_grad():
                seen = streams(model, ids, layer)
                mapped = model.lm_head(model.transformer.ln_f(seen["here"] @ j.T))
                p, q = seen["logits"].log_softmax(-1), mapped.log_softmax(-1)
                return (p.exp() * (p - q)).sum(-1)[0].tolist()

        rows.append(kl(RUN))
        losses.append(float(np.mean([v for ids in held for v in kl(ids)[SKIP:]])))
    return {"texts": texts, "skip": SKIP, "kl": rows, "losses": losses}


def score(model: GPT2LMHeadModel) -> dict:
    """One score, as a sum over pairs of the embedding, every head and every MLP before the layer, and biases."""
    c = model.config
    d = c.n_embd // c.n_head
    parts, names = {}, []
    with torch.no_grad():
        x = model.transformer.wte(torch.tensor(RUN)) + model.transformer.wpe(torch.arange(len(RUN)))
        names.append("input")
        parts["input"] = x
        attention_biases = 0
        stream = x
        for l in range(LAYER):
            block = model.transformer.h[l]
            z = {}
            hook = block.attn.c_proj.register_forward_pre_hook(lambda m, a: z.update(z=a[0]))
            mlp = {}
            hook2 = block.mlp.register_forward_hook(lambda m, a, o: mlp.update(o=o))
            out = block(stream[None])
            stream = (out[0] if isinstance(out, tuple) else out)[0]
            hook.remove()
            hook2.remove()
            for h in range(c.n_head):
                names.append(f"a{l}.h{h}")
                parts[names[-1]] = z["z"][0, :, h * d:(h + 1) * d] @ block.attn.c_proj.weight[h * d:(h + 1) * d]
            names.append(f"m{l}")
            parts[names[-1]] = mlp["o"][0]
            attention_biases = attention_biases + block.attn.c_proj.bias
        names.append("rest")
        parts["rest"] = attention_biases.expand(len(RUN), -1)
        block = model.transformer.h[LAYER]
        std = ((stream - stream.mean(-1, keepdim=True)).pow(2).mean(-1, keepdim=True) + block.ln_1.eps).sqrt()
        w, b = block.attn.c_attn.weight, block.attn.c_attn.bias
        at = slice(HEAD * d, (HEAD + 1) * d)
        wq, wk = w[:, :c.n_embd][:, at], w[:, c.n_embd:2 * c.n_embd][:, at]
        bq, bk = b[:c.n_embd][at], b[c.n_embd:2 * c.n_embd][at]

        def normed(v, pos):
            return (v[pos] - v[pos].mean()) / std[pos] * block.ln_1.weight

        q = [normed(parts[n], QUERY) @ wq for n in names] + [block.ln_1.bias @ wq + bq]
        k = [normed(parts[n], KEY) @ wk for n in names] + [block.ln_1.bias @ wk + bk]
        pairs = [(a @ e / d ** 0.5).item() for a in q for e in k]
    return {"layer": LAYER, "head": HEAD, "query": QUERY, "key": KEY, "writers": names + ["bias"], "parts": pairs}


def main() -> None:
    goldens, out = Path(sys.argv[1]), Path(sys.argv[2])
    model = GPT2LMHeadModel.from_pretrained(goldens / "gpt2", attn_implementation="eager").double().eval()
    texts = [text(t, model.config.vocab_size) for t in range(4)]
    golden = {
        "versions": {p: version(p) for p in ("torch", "transformers", "scikit-learn")},
        "run": RUN, "probe": probe(), "jacobian": lens(model, texts), "score": score(model),
    }
    out.write_text(json.dumps(golden, indent=1) + "\n")
    print(out, out.stat().st_size)


main()
