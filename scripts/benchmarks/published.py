"""Published models of every family, as checkpoints in which all weights are zero: do they open, how many parameters are
counted, and do they run a token?

Tensors' names and shapes are Hugging Face transformers' own: the model is made without memory (device "meta"), and what it
would save is written as a safetensors file of that length with nothing in it, which takes no room on a disk that knows
holes. What a config says beside its class's defaults stands in PUBLISHED.

    scripts/bench published [NAME...] [--forms torch:fp16,onnx:int8]

Prints a table in Markdown: parameters, which `inspector models --check` must count as transformers does, and as the vendor
names them; and for each way of opening it that this machine's memory holds, the time and the most memory (mapped pages of the
file counted) of one process that opens the model and says one token after two others.
"""

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.core_model_loading import revert_weight_conversion

ROOT = Path(__file__).resolve().parents[2]

# name: (config class, what the published config.json says otherwise than the class's defaults, parameters as the vendor has them)
PUBLISHED = {
    "gpt-neo-125m": (
        "GPTNeo",
        dict(hidden_size=768, num_layers=12, num_heads=12, attention_types=[[["global", "local"], 6]]),
        "125M",
    ),
    "gpt-j-6b": ("GPTJ", dict(tie_word_embeddings=False), "6.05B"),
    "codegen-350m-mono": (
        "CodeGen",
        dict(vocab_size=51200, n_embd=1024, n_layer=20, n_head=16, rotary_dim=32, tie_word_embeddings=False),
        "350M",
    ),
    "starcoderbase-1b": (
        "GPTBigCode",
        dict(vocab_size=49152, n_positions=8192, n_embd=2048, n_layer=24, n_head=16, n_inner=8192, multi_query=True),
        "1B",
    ),
    "starcoder2-3b": (
        "Starcoder2",
        dict(vocab_size=49152, hidden_size=3072, intermediate_size=12288, num_hidden_layers=30, num_attention_heads=24,
             num_key_value_heads=2, max_position_embeddings=16384, sliding_window=4096, use_bias=True,
             tie_word_embeddings=True),
        "3B",
    ),
    "opt-125m": ("OPT", dict(), "125M"),
    "opt-350m": (
        "OPT",
        dict(hidden_size=1024, num_hidden_layers=24, ffn_dim=4096, num_attention_heads=16, word_embed_proj_dim=512,
             do_layer_norm_before=False),
        "350M",
    ),
    "bloom-560m": ("Bloom", dict(vocab_size=250880, hidden_size=1024, n_layer=24, n_head=16), "559,214,592"),
    "mpt-7b": (
        "Mpt",
        dict(vocab_size=50432, d_model=4096, n_layers=32, n_heads=32, expansion_ratio=4, max_seq_len=2048, no_bias=True,
             tie_word_embeddings=True),
        "6.7B",
    ),
    "falcon-7b": (
        "Falcon",
        dict(vocab_size=65024, hidden_size=4544, num_hidden_layers=32, num_attention_heads=71, multi_query=True,
             parallel_attn=True, new_decoder_architecture=False, bias=False, alibi=False),
        "7B",
    ),
    "falcon-rw-1b": (
        "Falcon",
        dict(vocab_size=50304, hidden_size=2048, num_hidden_layers=24, num_attention_heads=32, multi_query=False,
             parallel_attn=False, new_decoder_architecture=False, bias=True, alibi=True),
        "1B",
    ),
    "phi-2": (
        "Phi",
        dict(vocab_size=51200, hidden_size=2560, intermediate_size=10240, num_hidden_layers=32, num_attention_heads=32,
             partial_rotary_factor=0.4, tie_word_embeddings=False),
        "2.7B",
    ),
    "stablelm-3b-4e1t": (
        "StableLm",
        dict(vocab_size=50304, hidden_size=2560, intermediate_size=6912, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=32, max_position_embeddings=4096, partial_rotary_factor=0.25, tie_word_embeddings=False),
        "2,795,443,200",
    ),
    "gemma-2b": (
        "Gemma",
        dict(vocab_size=256000, hidden_size=2048, intermediate_size=16384, num_hidden_layers=18, num_attention_heads=8,
             num_key_value_heads=1, head_dim=256, tie_word_embeddings=True),
        "2.5B",
    ),
    "granite-3.0-2b": (
        "Granite",
        dict(vocab_size=49155, hidden_size=2048, intermediate_size=8192, num_hidden_layers=40, num_attention_heads=32,
             num_key_value_heads=8, max_position_embeddings=4096, attention_multiplier=0.015625,
             embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=8.0, tie_word_embeddings=True),
        "2.5B",
    ),
    "c4ai-command-r-v01": (
        "Cohere",
        dict(vocab_size=256000, hidden_size=8192, intermediate_size=22528, num_hidden_layers=40, num_attention_heads=64,
             num_key_value_heads=64, max_position_embeddings=131072, logit_scale=0.0625, tie_word_embeddings=True),
        "35B",
    ),
    "c4ai-command-r7b": (
        "Cohere2",
        dict(vocab_size=256000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=8, max_position_embeddings=8192, logit_scale=0.25, sliding_window=4096,
             tie_word_embeddings=True),
        "8B",
    ),
    "olmo-1b": (
        "Olmo",
        dict(vocab_size=50304, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=16,
             num_key_value_heads=16, tie_word_embeddings=True),
        "1B",
    ),
    "olmo-3-7b": (
        "Olmo3",
        dict(vocab_size=100278, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=32, max_position_embeddings=65536, tie_word_embeddings=False),
        "7B",
    ),
    "glm-4-9b-0414": ("Glm4", dict(tie_word_embeddings=False), "9B"),
    "exaone-4.0-1.2b": (
        "Exaone4",
        dict(vocab_size=102400, hidden_size=2048, intermediate_size=4096, num_hidden_layers=30, num_attention_heads=32,
             num_key_value_heads=8, max_position_embeddings=65536, sliding_window=None,
             layer_types=["full_attention"] * 30, tie_word_embeddings=True),
        "1.28B",
    ),
    "minitron-4b-base": (
        "Nemotron",
        dict(vocab_size=256000, hidden_size=3072, intermediate_size=9216, num_hidden_layers=32, num_attention_heads=24,
             num_key_value_heads=8, head_dim=128, tie_word_embeddings=False),
        "4.19B",
    ),
    "ernie-4.5-0.3b": (
        "Ernie4_5",
        dict(vocab_size=103424, hidden_size=1024, intermediate_size=3072, num_hidden_layers=18, num_attention_heads=16,
             num_key_value_heads=2, head_dim=128, use_bias=False, tie_word_embeddings=True),
        "0.36B",
    ),
    "apertus-8b": (
        "Apertus",
        dict(vocab_size=131072, hidden_size=4096, intermediate_size=21504, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=8, max_position_embeddings=65536, tie_word_embeddings=False),
        "8B",
    ),
    "mixtral-8x7b": (
        "Mixtral",
        dict(vocab_size=32000, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=8, num_local_experts=8, num_experts_per_tok=2, tie_word_embeddings=False),
        "46.7B",
    ),
    "qwen1.5-moe-a2.7b": (
        "Qwen2Moe",
        dict(vocab_size=151936, hidden_size=2048, intermediate_size=5632, num_hidden_layers=24, num_attention_heads=16,
             num_key_value_heads=16, moe_intermediate_size=1408, shared_expert_intermediate_size=5632, num_experts=60,
             num_experts_per_tok=4, tie_word_embeddings=False),
        "14.3B",
    ),
    "qwen3-30b-a3b": (
        "Qwen3Moe",
        dict(vocab_size=151936, hidden_size=2048, intermediate_size=6144, num_hidden_layers=48, num_attention_heads=32,
             num_key_value_heads=4, head_dim=128, moe_intermediate_size=768, num_experts=128, num_experts_per_tok=8,
             norm_topk_prob=True, max_position_embeddings=40960, tie_word_embeddings=False),
        "30.5B",
    ),
    "olmoe-1b-7b": (
        "Olmoe",
        dict(vocab_size=50304, hidden_size=2048, intermediate_size=1024, num_hidden_layers=16, num_attention_heads=16,
             num_key_value_heads=16, num_experts=64, num_experts_per_tok=8, norm_topk_prob=False,
             tie_word_embeddings=False),
        "7B",
    ),
    "granite-3.0-1b-a400m": (
        "GraniteMoe",
        dict(vocab_size=49155, hidden_size=1024, intermediate_size=512, num_hidden_layers=24, num_attention_heads=16,
             num_key_value_heads=8, num_local_experts=32, num_experts_per_tok=8, max_position_embeddings=4096,
             attention_multiplier=0.015625, embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=6.0,
             tie_word_embeddings=True),
        "1.3B",
    ),
    "gpt-oss-20b": (
        "GptOss",
        dict(vocab_size=201088, hidden_size=2880, intermediate_size=2880, num_hidden_layers=24, num_attention_heads=64,
             num_key_value_heads=8, head_dim=64, num_local_experts=32, num_experts_per_tok=4, sliding_window=128,
             tie_word_embeddings=False),
        "20.9B",
    ),
    "deepseek-v2-lite": (
        "DeepseekV2",
        dict(vocab_size=102400, hidden_size=2048, intermediate_size=10944, moe_intermediate_size=1408,
             num_hidden_layers=27, num_attention_heads=16, num_key_value_heads=16, n_routed_experts=64,
             n_shared_experts=2, num_experts_per_tok=6, first_k_dense_replace=1, kv_lora_rank=512, q_lora_rank=None,
             qk_rope_head_dim=64, qk_nope_head_dim=128, v_head_dim=128, topk_method="greedy", n_group=1, topk_group=1,
             norm_topk_prob=False, routed_scaling_factor=1.0, tie_word_embeddings=False),
        "15.7B",
    ),
    "lfm2-1.2b": (
        "Lfm2",
        dict(vocab_size=65536, hidden_size=2048, intermediate_size=12288, num_hidden_layers=16, num_attention_heads=32,
             num_key_value_heads=8, max_position_embeddings=128000, tie_word_embeddings=True,
             layer_types=["full_attention" if i in (2, 5, 8, 10, 12, 14) else "conv" for i in range(16)]),
        "1,170,340,608",
    ),
    "deepseek-v3": ("DeepseekV3", dict(), "671B"),
    "mamba-130m": ("Mamba", dict(vocab_size=50280, hidden_size=768, num_hidden_layers=24), "130M"),
    "falcon-mamba-7b": (
        "FalconMamba",
        dict(vocab_size=65024, hidden_size=4096, num_hidden_layers=64, state_size=16, intermediate_size=8192,
             tie_word_embeddings=False),
        "7.27B",
    ),
    "mamba-codestral-7b": ("Mamba2", dict(tie_word_embeddings=False), "7,285,403,648"),
    "bamba-9b": (
        "Bamba",
        dict(vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
             num_key_value_heads=8, attn_layer_indices=[9, 18, 27], mamba_n_heads=128, mamba_d_head=64, mamba_d_state=128,
             mamba_n_groups=1, tie_word_embeddings=False),
        "9.78B",
    ),
    "falcon-h1-0.5b": (
        "FalconH1",
        dict(vocab_size=32784, hidden_size=1024, intermediate_size=2048, num_hidden_layers=36, num_attention_heads=8,
             num_key_value_heads=2, head_dim=64, mamba_d_ssm=1536, mamba_n_heads=24, mamba_d_head=64, mamba_d_state=128,
             mamba_n_groups=1, tie_word_embeddings=False),
        "0.5B",
    ),
    "granite-4.0-h-micro": (
        "GraniteMoeHybrid",
        dict(vocab_size=100352, hidden_size=2048, intermediate_size=8192, shared_intermediate_size=8192,
             num_hidden_layers=40, num_attention_heads=32, num_key_value_heads=8, num_local_experts=0,
             num_experts_per_tok=0, mamba_n_heads=64, mamba_d_head=64, mamba_d_state=128, mamba_n_groups=1,
             layer_types=["full_attention" if i % 10 == 5 else "linear_attention" for i in range(40)],
             tie_word_embeddings=True),
        "3B",
    ),
    "jamba-v0.1": ("Jamba", dict(tie_word_embeddings=False), "52B"),
    "qwen3-next-80b-a3b": ("Qwen3Next", dict(tie_word_embeddings=False), "80B"),
    "kimi-linear-48b-a3b": (
        "KimiLinear",
        dict(layer_types=["full_attention" if i % 4 == 3 or i == 26 else "linear_attention" for i in range(27)]),
        "48B",
    ),
    "minimax-text-01": (
        "MiniMax",
        dict(vocab_size=200064, hidden_size=6144, intermediate_size=9216, num_hidden_layers=80, num_attention_heads=64,
             num_key_value_heads=8, head_dim=128, num_local_experts=32, num_experts_per_tok=2,
             layer_types=["full_attention" if i % 8 == 7 else "linear_attention" for i in range(80)],
             tie_word_embeddings=False),
        "456B",
    ),
    "seed-oss-36b": (
        "SeedOss",
        dict(vocab_size=155136, hidden_size=5120, intermediate_size=27648, num_hidden_layers=64, num_attention_heads=80,
             num_key_value_heads=8, head_dim=128, tie_word_embeddings=False),
        "36B",
    ),
    "ernie-4.5-21b-a3b": ("Ernie4_5_Moe", dict(tie_word_embeddings=True), "21B"),
    "glm-4.5-air": (
        "Glm4Moe",
        dict(hidden_size=4096, intermediate_size=10944, moe_intermediate_size=1408, num_hidden_layers=46,
             num_attention_heads=96, num_key_value_heads=8, head_dim=128, n_routed_experts=128, n_shared_experts=1,
             num_experts_per_tok=8, first_k_dense_replace=1, use_qk_norm=False, attention_bias=True,
             tie_word_embeddings=False),
        "106B",
    ),
    "gemma-3n-e4b": ("Gemma3nText", dict(), "E4B"),
    "gemma-3n-e2b": (
        "Gemma3nText",
        dict(num_hidden_layers=30, intermediate_size=8192, num_kv_shared_layers=10),
        "E2B",
    ),
    "gemma-4-e2b": (
        "Gemma4Text",
        dict(hidden_size=1536, intermediate_size=6144, num_hidden_layers=35, num_attention_heads=8, num_key_value_heads=1,
             num_kv_shared_layers=20, use_double_wide_mlp=True, final_logit_softcapping=30.0,
             layer_types=["full_attention" if i % 5 == 4 else "sliding_attention" for i in range(35)]),
        "E2B",
    ),
    "gemma-4-e4b": (
        "Gemma4Text",
        dict(hidden_size=2560, intermediate_size=10240, num_hidden_layers=42, num_attention_heads=8, num_key_value_heads=2,
             num_kv_shared_layers=18, final_logit_softcapping=30.0),
        "E4B",
    ),
    "gemma-4-26b-a4b": (
        "Gemma4Text",
        dict(hidden_size=2816, intermediate_size=2112, num_hidden_layers=30, num_attention_heads=16, num_key_value_heads=8,
             num_global_key_value_heads=2, attention_k_eq_v=True, hidden_size_per_layer_input=0, sliding_window=1024,
             max_position_embeddings=262144, enable_moe_block=True, num_experts=128, top_k_experts=8,
             moe_intermediate_size=704, final_logit_softcapping=30.0),
        "26B",
    ),
    "gemma-4-31b": (
        "Gemma4Text",
        dict(hidden_size=5376, intermediate_size=21504, num_hidden_layers=60, num_attention_heads=32,
             num_key_value_heads=16, num_global_key_value_heads=4, attention_k_eq_v=True, hidden_size_per_layer_input=0,
             sliding_window=1024, max_position_embeddings=262144, final_logit_softcapping=30.0),
        "31B",
    ),
    "minimax-m2": ("MiniMaxM2", dict(tie_word_embeddings=False), "230B"),
    "nemotron-h-8b": (
        "NemotronH",
        dict(hybrid_override_pattern="M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", max_position_embeddings=8192),
        "8B",
    ),
    "nemotron-3-nano-30b-a3b": (
        "NemotronH",
        dict(hybrid_override_pattern="MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME", hidden_size=2688,
             intermediate_size=1856, num_key_value_heads=2, mamba_num_heads=64, n_routed_experts=128, num_experts_per_tok=6,
             moe_intermediate_size=1856, moe_shared_expert_intermediate_size=3712, routed_scaling_factor=2.5,
             max_position_embeddings=262144),
        "30B",
    ),
    "qwen3.5-0.8b": (
        "Qwen3_5Text",
        dict(hidden_size=1024, intermediate_size=3584, num_hidden_layers=24, num_attention_heads=8, num_key_value_heads=2,
             linear_num_value_heads=16, max_position_embeddings=262144, tie_word_embeddings=True),
        "0.8B",
    ),
    "qwen3.5-9b": ("Qwen3_5Text", dict(max_position_embeddings=262144), "9B"),
    "olmo-hybrid-7b": ("OlmoHybrid", dict(), "7B"),
    "recurrentgemma-2b": (
        "RecurrentGemma",
        dict(intermediate_size=15360, lru_width=2560, num_key_value_heads=1),
        "2B and its embeddings",
    ),
    "lfm2-8b-a1b": (
        "Lfm2Moe",
        dict(num_hidden_layers=24, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
             layer_types=["full_attention" if i in (2, 6, 10, 14, 18, 21) else "conv" for i in range(24)]),
        "8.3B",
    ),
    "llama-4-scout-17b-16e": ("Llama4Text", dict(), "109B with its vision"),
    "mimo-v2-flash": ("MiMoV2Flash", dict(), "309B"),
    "hunyuan-7b": (
        "HunYuanDenseV1",
        dict(vocab_size=128167, intermediate_size=14336, num_key_value_heads=8, head_dim=128, max_position_embeddings=32768,
             tie_word_embeddings=True),
        "7B",
    ),
    "hunyuan-a13b": (
        "HunYuanMoEV1",
        dict(vocab_size=128167, intermediate_size=3072, num_key_value_heads=8, head_dim=128, num_experts=64, moe_topk=8,
             max_position_embeddings=32768, tie_word_embeddings=True),
        "80B",
    ),
    "phi-3.5-moe": (
        "Phimoe",
        dict(attention_bias=True, lm_head_bias=True, tie_word_embeddings=False),
        "42B",
    ),
}


def make(name, folder):
    """The checkpoint: config.json and a file of zeros with transformers' names and shapes, in BF16."""
    kind, fields, _ = PUBLISHED[name]
    config = getattr(transformers, kind + "Config")(**fields)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    state = revert_weight_conversion(model, model.state_dict())
    tied = set(getattr(model, "all_tied_weights_keys", None) or {})
    if not config.tie_word_embeddings:
        tied = set()
    folder.mkdir(parents=True)
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    header, at = {}, 0  # bytes
    for tensor in sorted(state):
        if tensor in tied:
            continue
        shape = list(state[tensor].shape)
        size = 2 * state[tensor].numel()
        header[tensor] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(head)) + head)
        out.truncate(8 + len(head) + at)
    return at // 2


class Asked:
    """What `inspector ARGUMENT...` says, how long it took, in seconds, and the most memory that it held, in bytes."""

    def __init__(self, *arguments):
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = subprocess.Popen([ROOT / "scripts/inspector", *arguments], stdout=out, stderr=err)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.seconds, self.most = time.monotonic() - begun, 1024 * usage.ru_maxrss
            out.seek(0), err.seek(0)
            self.out, self.trouble = out.read(), err.read().strip() if child.returncode else None


def row(name, wanted, folder):
    made = make(name, folder)
    vendor = PUBLISHED[name][2]
    checked = Asked("models", "--check", str(folder), "--json")
    if checked.trouble:
        return f"| {name} | {made:,} | {vendor} | refused: {checked.trouble.splitlines()[0]} |"
    forms = json.loads(checked.out)
    if forms["parameters"] != made:
        sys.exit(f"{name}: {forms['parameters']:,} parameters are counted, transformers has {made:,}")
    cells = []
    for engine, precision in wanted:
        form = next(f for f in forms["forms"] if (f["engine"], f["precision"]) == (engine, precision))
        if not form.get("fits"):
            cells.append(form.get("trouble") or f"{form['bytes'] / 2**30:.1f} GiB: not held here")
            continue
        said = Asked("run", "--model", str(folder), "--tokens", "3,4", "--max-new-tokens", "1", "--greedy", "--json",
                     "--no-store", "--engine", engine, "--precision", precision)
        if said.trouble:
            sys.exit(f"{name} on {engine} in {precision}: {said.trouble}")
        steps = json.loads(said.out)["generation"]["steps"]
        if len(steps) != 1:
            sys.exit(f"{name} on {engine} in {precision} said {len(steps)} tokens instead of one")
        cells.append(f"{said.seconds:.0f} s, {said.most / 2**30:.1f} GiB")
    return f"| {name} | {made:,} | {vendor} | {forms['bytes'] / 1e9:.1f} |" + "".join(f" {c} |" for c in cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of " + ", ".join(PUBLISHED))
    parser.add_argument("--forms", default="torch:fp16,onnx:int8", help="ways of opening, ENGINE:PRECISION, or none")
    options = parser.parse_args()
    wanted = [tuple(form.split(":")) for form in options.forms.split(",") if ":" in form]
    unknown = set(options.names) - set(PUBLISHED)
    if unknown:
        parser.error(f"no published sizes of {', '.join(sorted(unknown))}; there are {', '.join(PUBLISHED)}")
    print("| model | parameters | as published | GB in BF16 |" + "".join(f" {e} {p.upper()} |" for e, p in wanted))
    print("|---" * (4 + len(wanted)) + "|")
    for name in options.names or PUBLISHED:
        with tempfile.TemporaryDirectory() as scratch:
            print(row(name, wanted, Path(scratch) / name), flush=True)


if __name__ == "__main__":
    main()
