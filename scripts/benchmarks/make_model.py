"""Makes the benchmark's model: a Llama of 135M random weights (the shape of SmolLM-135M) in Hugging Face layout.

usage: make_model.py FOLDER [--heads]

--heads makes one of many heads instead: 30 layers of 32, each 8 numbers wide (9M parameters), for what is drawn a head.

The same bytes every time: the speed of a forward pass does not depend on what the weights are.
"""

import json
import os
import pathlib
import sys

import numpy as np

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "max_position_embeddings": 2048,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "float32",
}

HEADS = {
    **CONFIG,
    "hidden_size": 256,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 8,
    "intermediate_size": 512,
    "vocab_size": 2048,
}


def shapes(c):
    """Every tensor's name and shape, in the file's order."""
    d, ffn = c["hidden_size"], c["intermediate_size"]
    q, kv = c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    yield "model.embed_tokens.weight", (c["vocab_size"], d)
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", (d,)
        yield layer + "self_attn.q_proj.weight", (q, d)
        yield layer + "self_attn.k_proj.weight", (kv, d)
        yield layer + "self_attn.v_proj.weight", (kv, d)
        yield layer + "self_attn.o_proj.weight", (d, q)
        yield layer + "post_attention_layernorm.weight", (d,)
        yield layer + "mlp.gate_proj.weight", (ffn, d)
        yield layer + "mlp.up_proj.weight", (ffn, d)
        yield layer + "mlp.down_proj.weight", (d, ffn)
    yield "model.norm.weight", (d,)


def main(folder, config):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes(config):
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(135)
    unfinished = folder / "model.safetensors.unfinished"
    with open(unfinished, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in shapes(config):
            if len(shape) == 1:  # a norm
                values = np.ones(shape, np.float32)
            else:
                values = random.standard_normal(shape, np.float32) * np.float32(0.02)
            file.write(values.tobytes())
    os.replace(unfinished, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"made {folder}: {offset // 4:,} random parameters, {offset / 2**20:.0f} MiB")


if __name__ == "__main__":
    main(sys.argv[1], HEADS if "--heads" in sys.argv[2:] else CONFIG)
