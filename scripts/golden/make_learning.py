#!/usr/bin/env python3
"""Writes learning.json: a Llama's gradients, updates and one step of direct preference optimization in plain PyTorch.

    python3 scripts/golden/make_learning.py inspector-core/src/test/resources/golden/hf/llama inspector-core/src/test/resources/learning.json

PlainTorchTest repeats all of it on the same weights. Nothing here is a library's but the tensors, their gradients and the
optimizers: the model's arithmetic is written out below (RMSNorm, rotary positions, grouped queries, SwiGLU), in float64.
A gradient of 223,296 numbers is kept as its length, as its sum along a fixed wave, and as a few of its numbers, tensor by tensor.
Made with torch 2.15.0.
"""
import json
import math
import sys

import torch
from safetensors.torch import load_file

folder, out = sys.argv[1:]
config = json.load(open(folder + "/config.json"))
torch.set_default_dtype(torch.float64)
D, H, KV, DH = (config[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
LAYERS, EPS, THETA = config["num_hidden_layers"], config["rms_norm_eps"], config["rope_theta"]
FIRST = {name: t.to(torch.float64) for name, t in load_file(folder + "/model.safetensors").items()}

# The program's names, in the order of its flat arrays: matrices, then the vectors, which do not decay.
PARTS = {"attn.q": "self_attn.q_proj", "attn.k": "self_attn.k_proj", "attn.v": "self_attn.v_proj", "attn.o": "self_attn.o_proj",
         "mlp.gate": "mlp.gate_proj", "mlp.in": "mlp.up_proj", "mlp.out": "mlp.down_proj"}
NORMS = {"ln1": "input_layernorm", "ln2": "post_attention_layernorm"}
NAMES = {"embed": "model.embed_tokens"}
NAMES |= {f"blocks.{i}.{ours}": f"model.layers.{i}.{theirs}" for i in range(LAYERS) for ours, theirs in PARTS.items()}
NAMES |= {"unembed": "lm_head"}
NAMES |= {f"blocks.{i}.{ours}": f"model.layers.{i}.{theirs}" for i in range(LAYERS) for ours, theirs in NORMS.items()}
NAMES |= {"ln_final": "model.norm"}
NAMES = {ours + ".weight": theirs + ".weight" for ours, theirs in NAMES.items()}


def fresh():
    return {ours: FIRST[theirs].clone().requires_grad_() for ours, theirs in NAMES.items()}


def norm(x, weight):
    return weight * x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS)


def turned(x):  # [head, pos, d_head]
    speed = THETA ** (-torch.arange(0, DH, 2) / DH)
    angle = torch.arange(x.shape[1])[:, None] * speed  # [pos, d_head / 2]
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    return x * cos + torch.cat([-x[..., DH // 2:], x[..., :DH // 2]], -1) * sin


def logprobs(w, ids):
    """ln of the probability of each token but the first, [pos - 1]."""
    x = w["embed.weight"][ids]  # [pos, d_model]
    n = len(ids)
    for i in range(LAYERS):
        p = lambda name: w[f"blocks.{i}.{name}.weight"]
        y = norm(x, p("ln1"))
        heads = lambda name, count: (y @ p(name).T).view(n, count, DH).transpose(0, 1)
        q, k, v = turned(heads("attn.q", H)), turned(heads("attn.k", KV)), heads("attn.v", KV)
        k, v = (t.repeat_interleave(H // KV, 0) for t in (k, v))  # [head, pos, d_head]
        scores = q @ k.transpose(1, 2) / math.sqrt(DH) + torch.full((n, n), -math.inf).triu(1)
        x = x + (scores.softmax(-1) @ v).transpose(0, 1).reshape(n, H * DH) @ p("attn.o").T
        y = norm(x, p("ln2"))
        x = x + (torch.nn.functional.silu(y @ p("mlp.gate").T) * (y @ p("mlp.in").T)) @ p("mlp.out").T
    logits = norm(x, w["ln_final.weight"]) @ w["unembed.weight"].T  # [pos, vocab]
    return logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def told(values, like):
    """A tensor as its length, its sum along sin(1), sin(2), ..., and the 8 of its numbers whose gradient is largest.

    Adam divides by a gradient's size: where there is next to none, rounding decides which way a weight goes."""
    flat = values.detach().reshape(-1)
    some = like.reshape(-1).abs().topk(8).indices.sort().values
    wave = torch.sin(torch.arange(1, len(flat) + 1, dtype=torch.float64))
    return {"norm": float(flat.norm()), "wave": float(flat @ wave), "at": some.tolist(), "values": flat[some].tolist()}


def all_told(tensors, like):
    return {name: told(t, like[name]) for name, t in tensors.items()}


def gradient(w):
    return {name: t.grad.clone() for name, t in w.items()}


def moved(w, like):
    return all_told({name: w[name] - FIRST[theirs] for name, theirs in NAMES.items()}, like)


TEXT = [1, 17, 250, 31, 88, 17, 250, 31, 4, 199, 300, 12]
PROMPT, CHOSEN, REJECTED, BETA = [1, 40, 41, 42, 99, 7], [61, 62, 2], [63, 180, 181, 64, 2], 0.3
RATES = {"sgd": 1e-3, "momentum": 1e-3, "adam": 1e-4, "adamw": 1e-4}
DECAY, STEPS, MOMENTUM, BETAS = 0.1, 3, 0.9, (0.9, 0.999)
RULES = {
    "sgd": lambda g: torch.optim.SGD(g, lr=RATES["sgd"]),
    "momentum": lambda g: torch.optim.SGD(g, lr=RATES["momentum"], momentum=MOMENTUM),
    "adam": lambda g: torch.optim.Adam(g, lr=RATES["adam"], betas=BETAS, eps=1e-8),
    "adamw": lambda g: torch.optim.AdamW(g, lr=RATES["adamw"], betas=BETAS, eps=1e-8),
}


def groups(w):
    return [{"params": [t for t in w.values() if t.dim() == 2], "weight_decay": DECAY},
            {"params": [t for t in w.values() if t.dim() == 1], "weight_decay": 0.0}]


w = fresh()
loss = -logprobs(w, TEXT).mean()
loss.backward()
first = gradient(w)
golden = {"text": TEXT, "loss": loss.item(), "gradient": all_told(first, first),
          "rates": RATES, "decay": DECAY, "steps": STEPS, "updates": {}}
for kind, make in RULES.items():
    w = fresh()
    rule = make(groups(w))
    losses = []
    for _ in range(STEPS):
        rule.zero_grad()
        loss = -logprobs(w, TEXT).mean()
        loss.backward()
        losses.append(loss.item())
        rule.step()
    golden["updates"][kind] = {"losses": losses + [-logprobs(w, TEXT).mean().item()], "moved": moved(w, first)}


# Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290, eq. 7); the reference is the model it began as.
def answers(w):
    return [logprobs(w, PROMPT + answer)[len(PROMPT) - 1:].sum() for answer in (CHOSEN, REJECTED)]


with torch.no_grad():
    reference = [float(x) for x in answers(fresh())]
w = fresh()
rule = RULES["adamw"](groups(w))
steps = []
for _ in range(2):
    rule.zero_grad()
    chosen, rejected = answers(w)
    margin = BETA * ((chosen - reference[0]) - (rejected - reference[1]))
    loss = -torch.nn.functional.logsigmoid(margin)
    loss.backward()
    first = gradient(w) if not steps else first
    length = torch.sqrt(sum((t.grad ** 2).sum() for t in w.values()))
    steps.append({"chosen": chosen.item(), "rejected": rejected.item(), "margin": margin.item(), "loss": loss.item(),
                  "grad_norm": float(length), "gradient": all_told(gradient(w), first)})
    rule.step()
    steps[-1]["moved"] = moved(w, first)
chosen, rejected = answers(w)
golden["preference"] = {"prompt": PROMPT, "chosen": CHOSEN, "rejected": REJECTED, "beta": BETA, "rate": RATES["adamw"], "reference": reference,
                        "steps": steps, "after": [chosen.item(), rejected.item()]}


def rounded(x):
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return float(f"{x:.8g}") if isinstance(x, float) else x


with open(out, "w") as file:
    json.dump(rounded(golden), file, separators=(",", ":"))
    file.write("\n")
