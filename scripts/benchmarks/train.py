"""The Python twin of TrainBench: the same model and updates in plain PyTorch, eager.

4 sequences of 512 tokens in two passes, gradient clipped to norm 1, AdamW (fused, decay on matrices only). Prints the
same JSON: milliseconds of each update after the first three, and the losses of those three.
"""

import argparse
import json
import pathlib
import time

import torch
import torch.nn.functional as F

SEQUENCES, AT_ONCE, PREDICTED, WARM, UPDATES = 4, 2, 512, 3, 12
MATRICES = [f"self_attn.{m}_proj" for m in "qkvo"] + [f"mlp.{m}_proj" for m in ("gate", "up", "down")]
NORMS = ["input_layernorm", "post_attention_layernorm"]


def read_safetensors(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    dtypes = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + o for o in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=dtypes[entry["dtype"]])
        tensors[name] = flat.float().view(entry["shape"]).requires_grad_()
    return tensors


class Llama:
    def __init__(self, folder):
        c = json.loads((folder / "config.json").read_text())
        self.weights = w = read_safetensors(folder / "model.safetensors")
        self.vocab, self.d_model, self.eps = c["vocab_size"], c["hidden_size"], c["rms_norm_eps"]
        self.d_head = c.get("head_dim") or self.d_model // c["num_attention_heads"]
        self.embed, self.norm = w["model.embed_tokens.weight"], w["model.norm.weight"]
        self.layers = [
            [w[f"model.layers.{i}.{name}.weight"] for name in NORMS + MATRICES] for i in range(c["num_hidden_layers"])
        ]
        frequencies = c["rope_theta"] ** (-torch.arange(0, self.d_head, 2) / self.d_head)
        angles = torch.outer(torch.arange(PREDICTED), frequencies).repeat(1, 2)  # [pos, d_head]
        self.cos, self.sin = angles.cos(), angles.sin()

    def rotate(self, x):  # [batch, head, pos, d_head]
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat((-b, a), -1) * self.sin

    def loss(self, ids):
        """The sum of the nll of every token but the first. ids [batch, pos + 1]"""
        batch = len(ids)
        x = F.embedding(ids[:, :-1], self.embed)  # [batch, pos, d_model]
        for ln1, ln2, wq, wk, wv, wo, gate, up, down in self.layers:
            h = F.rms_norm(x, (self.d_model,), ln1, self.eps)
            q, k, v = (F.linear(h, m).view(batch, PREDICTED, -1, self.d_head).transpose(1, 2) for m in (wq, wk, wv))
            group = q.shape[1] // k.shape[1]
            k, v = (t.repeat_interleave(group, 1) for t in (self.rotate(k), v))
            z = F.scaled_dot_product_attention(self.rotate(q), k, v, is_causal=True)
            x = x + F.linear(z.transpose(1, 2).reshape(batch, PREDICTED, -1), wo)
            h = F.rms_norm(x, (self.d_model,), ln2, self.eps)
            x = x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)
        logits = F.linear(F.rms_norm(x, (self.d_model,), self.norm, self.eps), self.embed)
        return F.cross_entropy(logits.view(-1, self.vocab), ids[:, 1:].reshape(-1), reduction="sum")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Llama(args.model)
    parameters = list(model.weights.values())
    groups = [
        {"params": [p for p in parameters if p.dim() == 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-8, fused=True)
    tokens = (torch.arange(SEQUENCES * (PREDICTED + 1)) * 7919 % model.vocab).view(SEQUENCES, -1)
    losses, ms = [], []
    for update in range(WARM + UPDATES):
        started = time.perf_counter()
        total = 0.0
        for part in tokens.split(AT_ONCE):
            loss = model.loss(part) / (SEQUENCES * PREDICTED)
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if update < WARM:
            losses.append(total)
        else:
            ms.append((time.perf_counter() - started) * 1000)
    print(json.dumps({"torch": torch.__version__, "tokens": SEQUENCES * PREDICTED, "losses": losses, "update_ms": ms}))


if __name__ == "__main__":
    main()
