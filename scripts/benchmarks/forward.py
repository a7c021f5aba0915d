"""The Python twin of ForwardBench: the same Llama in plain PyTorch, eager, with a preallocated KV cache.

Measures the same things and prints the same JSON:
  prefill_N_ms  N tokens into an empty cache, logits of the last position; one number a repetition
  decode_ms     one more token, greedily, after a prompt of 16; one number per token
"""

import argparse
import json
import pathlib
import time

import torch
import torch.nn.functional as F

PROMPT = 16  # tokens before decoding, as in EngineBench


def read_safetensors(path):
    data = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
    length = int.from_bytes(bytes(data[:8].tolist()), "little")
    header = json.loads(bytes(data[8 : 8 + length].tolist()))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", (name, entry)
        begin, end = (8 + length + o for o in entry["data_offsets"])
        tensors[name] = data[begin:end].clone().view(torch.float32).view(entry["shape"])
    return tensors


class Llama:
    def __init__(self, folder, positions):
        c = json.loads((folder / "config.json").read_text())
        w = read_safetensors(folder / "model.safetensors")
        self.d_model, self.d_head = c["hidden_size"], c["head_dim"]
        self.eps, self.vocab = c["rms_norm_eps"], c["vocab_size"]
        self.embed, self.norm = w["model.embed_tokens.weight"], w["model.norm.weight"]
        names = (
            "input_layernorm",
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "post_attention_layernorm",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        )
        n = c["num_hidden_layers"]
        self.layers = [tuple(w[f"model.layers.{i}.{name}.weight"] for name in names) for i in range(n)]
        frequencies = c["rope_theta"] ** (-torch.arange(0, self.d_head, 2) / self.d_head)
        angles = torch.outer(torch.arange(positions), frequencies).repeat(1, 2)  # [position, d_head]
        self.cos, self.sin = angles.cos(), angles.sin()
        shape = (n, 1, c["num_key_value_heads"], positions, self.d_head)
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)

    def rotate(self, x, start, end):  # [1, head, pos, d_head]
        a, b = x.chunk(2, -1)
        return x * self.cos[start:end] + torch.cat((-b, a), -1) * self.sin[start:end]

    def forward(self, ids, start):
        """Logits of the last of ids, which stand at positions start, start + 1, ... [vocab]"""
        end = start + len(ids)
        x = F.embedding(ids, self.embed)  # [pos, d_model]
        for i, (ln1, wq, wk, wv, wo, ln2, gate, up, down) in enumerate(self.layers):
            h = F.rms_norm(x, (self.d_model,), ln1, self.eps)
            q, k, v = (F.linear(h, m).view(1, len(ids), -1, self.d_head).transpose(1, 2) for m in (wq, wk, wv))
            self.keys[i, :, :, start:end] = self.rotate(k, start, end)
            self.values[i, :, :, start:end] = v
            z = F.scaled_dot_product_attention(
                self.rotate(q, start, end),
                self.keys[i, :, :, :end],
                self.values[i, :, :, :end],
                is_causal=len(ids) > 1,
                enable_gqa=True,
            )
            x = x + F.linear(z.transpose(1, 2).reshape(len(ids), -1), wo)
            h = F.rms_norm(x, (self.d_model,), ln2, self.eps)
            x = x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)
        return F.linear(F.rms_norm(x[-1], (self.d_model,), self.norm, self.eps), self.embed)


def timed(call):
    started = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - started) * 1000


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=32, help="tokens to decode")
    parser.add_argument("--check", action="store_true", help="also print the first greedy tokens")
    parser.add_argument("--json", action="store_true", help="accepted for likeness; the output is always JSON")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = Llama(args.model, positions=max(512, PROMPT + args.tokens))
    ids = torch.arange(512) * 7919 % model.vocab

    result = {"torch": torch.__version__}
    for length in (128, 512):
        model.forward(ids[:length], 0)  # warms up
        result[f"prefill_{length}_ms"] = [
            timed(lambda: model.forward(ids[:length], 0))[1] for _ in range(args.repeats)
        ]
    result["decode_ms"] = []
    warm, session = time.perf_counter() + 3, 0
    while session < 4:  # after three seconds that warm up, as in EngineBench
        token, made = model.forward(ids[:PROMPT], 0).argmax(), []
        for position in range(PROMPT, PROMPT + args.tokens):
            made.append(int(token))
            token, ms = timed(lambda: model.forward(token.view(1), position).argmax())
            if time.perf_counter() > warm:
                result["decode_ms"].append(ms)
        session += time.perf_counter() > warm
    if args.check:
        result["greedy"] = made
    print(json.dumps(result))


if __name__ == "__main__":
    main()
