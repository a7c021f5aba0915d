"""Makes tiny models of families whose goldens have a shape that llama.cpp does not read, for gguf_of.py to convert.

    python scripts/golden/gguf_shapes.py OUT [family ...]

OUT/FAMILY gets config.json, model.safetensors and golden.safetensors (transformers' logits over a prompt, 12 greedy tokens with theirs).
SHAPES says what is unlike the golden's config, and why. Nothing of this is in the repository: run gguf_of.py, then
gguf_in_llama_cpp.py, and the program's own tests with LLM_INSPECTOR_GGUF_GOLDENS. Needs torch and transformers.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

FAMILIES = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden/families"

EQUAL_HEADS = {"linear_key_head_dim": 16}  # llama.cpp: keys of delta nets as wide as values
SHAPES = {
    "qwen3_next": EQUAL_HEADS,
    "qwen3_5": EQUAL_HEADS,
    "qwen3_5_moe": EQUAL_HEADS,
    "nemotron_h": {"layers_block_type": ["linear_attention", "full_attention", "moe"], "rms_norm_eps": 1e-5},  # no MLP beside mixtures
    "gemma4_wide": {"num_hidden_layers": 6, "layer_types": ["sliding_attention"] * 2 + ["sliding_attention", "full_attention"] * 2,
                    "per_layer_config": {"3": {"head_dim": 32}, "5": {"head_dim": 32}}},  # keys of the last two layers that have their own
    "dots1": {"num_key_value_heads": 4},  # as many heads of keys as of queries
    "olmoe": {"num_key_value_heads": 4},
    "phi": {"intermediate_size": 256},  # an MLP of four times the width
    "starcoder2": {"sliding_window": None},  # no window
    "exaone4": {"sliding_window": None, "layer_types": ["full_attention"] * 4, "sliding_window_pattern": None},  # a window in 64 layers only
}


def model_of(family):
    from transformers import AutoConfig, AutoModelForCausalLM

    config = json.loads((FAMILIES / family / "config.json").read_text())
    config = {**config, **SHAPES[family]}
    if "layer_types" in config and config["layer_types"]:
        config["layer_types"] = config["layer_types"][: config["num_hidden_layers"]]
    config.pop("time_step_limit", None)
    kind = config.pop("model_type")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **config), attn_implementation="eager").float().eval()
    for name, value in model.named_parameters():
        if value.dim() > 1 and "conv1d" not in name and "A_log" not in name:
            value.data.normal_(0, 0.12)
        elif name.endswith("norm.weight") or "bias" in name:
            value.data.add_(torch.randn_like(value) * 0.1)
    return model


def make(family, out):
    model = model_of(family)
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    prompt = torch.tensor([[(7 * i * i + 3 * i + 5) % 280 + 4 for i in range(40)]])
    ids, rows = prompt, []
    with torch.no_grad():
        logits = model(prompt, use_cache=False).logits
        for _ in range(12):
            rows.append(model(ids, use_cache=False).logits[0, -1])
            ids = torch.cat([ids, rows[-1].argmax().reshape(1, 1)], 1)
    save_file({"input_ids": prompt, "logits": logits.contiguous(), "greedy_ids": ids[0, prompt.shape[1]:].contiguous(),
               "greedy_logits": torch.stack(rows)}, out / "golden.safetensors")


def main():
    for family in sys.argv[2:] or SHAPES:
        try:
            make(family, Path(sys.argv[1]) / family)
            print(family, "made", flush=True)
        except Exception as e:
            print(family, "-", type(e).__name__, str(e)[:300], flush=True)


if __name__ == "__main__":
    main()
