"""Makes inspector-core/src/test/resources/rope.json: inverse frequencies of every RoPE scaling, by transformers.

Run: python scripts/golden/make_rope.py   (needs torch and transformers)
"""
import json
import pathlib

import transformers
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

OUT = pathlib.Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/rope.json"
SMALL = dict(hidden_size=128, num_attention_heads=4, num_hidden_layers=1, vocab_size=8, intermediate_size=8)
CASES = [
    ("linear", 10_000.0, 64, dict(rope_type="linear", factor=4.0), [64, 300]),
    ("dynamic", 10_000.0, 64, dict(rope_type="dynamic", factor=2.0), [10, 64, 65, 100, 300]),
    ("yarn", 10_000.0, 128, dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32), [64]),
    ("yarn_whole", 1_000_000.0, 128, dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=16,
     beta_fast=20.0, beta_slow=2.0, truncate=False), [64]),
    ("yarn_mscale", 10_000.0, 128, dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32,
     mscale=1.2, mscale_all_dim=0.7), [64]),
    ("yarn_factor", 10_000.0, 128, dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32,
     attention_factor=1.5), [64]),
    ("llama3", 500_000.0, 256, dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
     original_max_position_embeddings=32), [64]),
    ("longrope", 10_000.0, 256, dict(rope_type="longrope", factor=4.0, original_max_position_embeddings=64,
     short_factor=[1.0 + i / 10 for i in range(16)], long_factor=[2.0 + i for i in range(16)]), [64, 65]),
]

cases = []
for name, theta, context, scaling, lengths in CASES:
    config = LlamaConfig(**SMALL, max_position_embeddings=context, rope_parameters=dict(scaling, rope_theta=theta))
    for length in lengths:
        # What a longer sequence would ask for: the default is asked for with no length.
        inverse, warm = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config, "cpu", seq_len=length)
        cases.append(dict(name=name, theta=theta, context=context, scaling=scaling, length=length,
                          inv_freq=[float(x) for x in inverse], attention_factor=float(warm)))
OUT.write_text(json.dumps(dict(transformers=transformers.__version__, d_head=32, cases=cases), indent=1) + "\n")
