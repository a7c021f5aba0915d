"""Makes inspector-core/src/test/resources/golden/imatrix/llama.gguf: an importance matrix of the golden hf/llama, its tensors and
metadata as llama.cpp's tools/imatrix writes them, which has no general.architecture and leaves output.weight out.

    python scripts/golden/make_imatrix.py

The sums are of a forward pass in float64 of numpy's, over ImatrixTest.PROMPT. Needs gguf, numpy and safetensors.
"""

import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden"
PROMPT = [1, 2, 3, 1, 2, 5, 0, 4]


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotated(x, theta):
    """x is [head, pos, width]."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[1])[:, None] * theta ** (-np.arange(half) / half)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def inputs(folder):
    """What each matrix reads, [pos, channel], by its name in GGUF."""
    config = json.loads((folder / "config.json").read_text())
    w = {name: t.astype(np.float64) for name, t in load_file(folder / "model.safetensors").items()}
    eps, theta = config["rms_norm_eps"], config["rope_theta"]
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    x, n, read = w["model.embed_tokens.weight"][PROMPT], len(PROMPT), {}
    for layer in range(config["num_hidden_layers"]):
        at = lambda name: w[f"model.layers.{layer}.{name}.weight"]
        seen = lambda names, value: read.update({f"blk.{layer}.{name}.weight": value for name in names.split()})
        split = lambda y, count: y.reshape(n, count, -1).transpose(1, 0, 2)
        h = norm(x, at("input_layernorm"), eps)
        seen("attn_q attn_k attn_v", h)
        q = rotated(split(h @ at("self_attn.q_proj").T, heads), theta)
        k = rotated(split(h @ at("self_attn.k_proj").T, kv), theta).repeat(heads // kv, 0)
        v = split(h @ at("self_attn.v_proj").T, kv).repeat(heads // kv, 0)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores = np.where(np.tril(np.ones((n, n))) > 0, scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        z = (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, -1)
        seen("attn_output", z)
        x = x + z @ at("self_attn.o_proj").T
        h = norm(x, at("post_attention_layernorm"), eps)
        seen("ffn_gate ffn_up", h)
        gate = h @ at("mlp.gate_proj").T
        a = gate / (1 + np.exp(-gate)) * (h @ at("mlp.up_proj").T)
        seen("ffn_down", a)
        x = x + a @ at("mlp.down_proj").T
    return read


def main():
    out = ROOT / "imatrix/llama.gguf"
    out.parent.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(out, "")  # llama.cpp writes no general.architecture
    writer.add_string("general.type", "imatrix")
    writer.add_array("imatrix.datasets", ["calibration.txt"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", len(PROMPT))
    for name, x in sorted(inputs(ROOT / "hf/llama").items()):
        # Two axes in llama.cpp, [matrices, columns]; a GGUF file has no trailing axis of one matrix.
        writer.add_tensor(name + ".in_sum2", (x * x).sum(0).astype(np.float32))
        writer.add_tensor(name + ".counts", np.array([len(x)], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
