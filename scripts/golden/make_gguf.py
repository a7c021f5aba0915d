#!/usr/bin/env python3
"""Makes golden/gguf/families: tiny models of further families as GGUF, laid out as llama.cpp's converter lays them out, and what
transformers computes for them.

    python scripts/golden/make_gguf.py MAKE_FAMILIES.py OUT_DIR [name ...]     (needs torch, transformers, safetensors, gguf)

Each model becomes OUT_DIR/NAME.gguf, NAME.golden.safetensors (input_ids [1,T], logits [1,T,V], greedy_ids [12], greedy_logits
[12,V]) and NAME.noise.json. MAKE_FAMILIES.py draws the weights and runs the reference; OUT_DIR/work keeps its folders.
"""
import importlib.util, json, pathlib, shutil, sys

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file

SMALL = dict(vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=2)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=32)
WINDOWS = dict(SMALL, num_hidden_layers=4, head_dim=8)
OSS = dict(WINDOWS, intermediate_size=32, num_hidden_layers=2, layer_types=["sliding_attention", "full_attention"])

# name: (make_families' name, what is other than there)
MODELS = {
    "stablelm": ("stablelm", SMALL),
    "stablelm_parallel": ("stablelm", dict(SMALL, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=False)),
    "starcoder2": ("starcoder2", dict(SMALL, sliding_window=None)),
    "gemma": ("gemma", dict(SMALL, head_dim=16)),
    "granite": ("granite", SMALL),
    "cohere": ("cohere", SMALL),
    "cohere2": ("cohere2", WINDOWS),
    "olmo": ("olmo", dict(SMALL, num_key_value_heads=2)),
    "olmo3": ("olmo3", dict(WINDOWS, rope_parameters=dict(full_attention=YARN, sliding_attention=dict(rope_type="default", rope_theta=10000.0)))),
    "glm4": ("glm4", dict(SMALL, head_dim=8)),
    "exaone4": ("exaone4", WINDOWS),
    "nemotron": ("nemotron", dict(SMALL, head_dim=8)),
    "ernie4_5": ("ernie4_5", dict(SMALL, head_dim=16)),
    "apertus": ("apertus", dict(SMALL, head_dim=8)),
    "phi": ("phi", dict(SMALL, intermediate_size=128)),
    "falcon": ("falcon", dict(SMALL, num_kv_heads=1)),
    "falcon_grouped": ("falcon", dict(SMALL, num_kv_heads=2, new_decoder_architecture=True)),
    "bloom": ("bloom", dict(vocab_size=96, hidden_size=32, n_layer=2, seq_length=256)),
    "mpt": ("mpt", dict(vocab_size=96, d_model=32, n_layers=2, attn_config=dict(alibi=True, alibi_bias_max=8, clip_qkv=1.5))),
    "lfm2": ("lfm2", dict(SMALL, num_hidden_layers=4)),
    "gpt_bigcode": ("gpt_bigcode", dict(vocab_size=96, n_embd=32, n_layer=2, n_positions=64)),
    "mixtral": ("mixtral", dict(SMALL, intermediate_size=48)),
    "qwen2_moe": ("qwen2_moe", dict(SMALL, moe_intermediate_size=32, shared_expert_intermediate_size=48)),
    "qwen3_moe": ("qwen3_moe", dict(SMALL, head_dim=8, moe_intermediate_size=32, mlp_only_layers=[])),
    "olmoe": ("olmoe", dict(SMALL, intermediate_size=32, num_key_value_heads=4)),
    "olmoe_q8_0": ("olmoe", dict(SMALL, intermediate_size=32, num_key_value_heads=4, num_experts=4)),
    "granitemoe": ("granitemoe", dict(SMALL, intermediate_size=32)),
    "gpt_oss": ("gpt_oss", OSS),
    "gpt_oss_mxfp4": ("gpt_oss", OSS),
    "deepseek_v2": ("deepseek_v2", dict(SMALL, n_shared_experts=2, moe_intermediate_size=32, kv_lora_rank=16, qk_nope_head_dim=8,
        v_head_dim=12, rope_parameters=dict(YARN, mscale=0.707, mscale_all_dim=0.707))),
    "deepseek_v3": ("deepseek_v3", dict(SMALL, moe_intermediate_size=32, kv_lora_rank=16, qk_nope_head_dim=8, v_head_dim=12,
        rope_parameters=dict(YARN, mscale=1.0, mscale_all_dim=1.0))),
}
EXPERTS = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")
# name: the block type of its experts, whose weights are then what the blocks say
PACKED = {"olmoe_q8_0": gguf.GGMLQuantizationType.Q8_0, "gpt_oss_mxfp4": gguf.GGMLQuantizationType.MXFP4}
# name: what its file has in one tensor that Hugging Face has in several (--fuse-qkv, --fuse-gate-up-exps)
FUSED = {"granite": ("attn_qkv", "attn_q", "attn_k", "attn_v"), "phi": ("attn_qkv", "attn_q", "attn_k", "attn_v"),
    "deepseek_v3": ("ffn_gate_up_exps", "ffn_gate_exps", "ffn_up_exps")}

# llama.cpp's names for what stands in a block, by Hugging Face's
LLAMA = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp", "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
}
BIGCODE = {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
BLOOM = {
    "input_layernorm": "attn_norm", "self_attention.query_key_value": "attn_qkv", "self_attention.dense": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.dense_h_to_4h": "ffn_up", "mlp.dense_4h_to_h": "ffn_down",
}
POST = {"post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm"}
SHARED = {
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp", "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
}
OUTSIDE = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.final_layernorm": "output_norm",
    "model.embedding_norm": "token_embd_norm", "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "transformer.norm_f": "output_norm", "transformer.word_embeddings": "token_embd",
    "transformer.word_embeddings_layernorm": "token_embd_norm",
}

# model_type: (general.architecture, names in a block, keys beside those that all have)
FAMILIES = {
    "stablelm": ("stablelm", dict(LLAMA, **{"self_attn.q_layernorm": "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm"}),
        "layer_norm parallel rope_dims -rope_base"),
    "starcoder2": ("starcoder2", dict(LLAMA, **{"mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}), "layer_norm"),
    "gemma": ("gemma", LLAMA, "head_dim -rope_base"),
    "granite": ("granite", LLAMA, "vocab rope_dims factors"),
    "cohere": ("command-r", LLAMA, "layer_norm logit_scale no_scaling"),
    "cohere2": ("cohere2", LLAMA, "head_dim vocab layer_norm logit_scale no_scaling rope_dims window"),
    "olmo": ("olmo", LLAMA, "layer_norm clamp"),
    "olmo3": ("olmo2", dict(LLAMA, **POST), "head_dim yarn rope_base_swa window pattern"),
    "glm4": ("glm4", dict(LLAMA, **{"post_self_attn_layernorm": "post_attention_norm", "post_mlp_layernorm": "post_ffw_norm",
        "mlp.gate_up_proj": "ffn_up"}), "head_dim rope_dims"),
    "exaone4": ("exaone4", dict(LLAMA, **POST), "head_dim vocab window pattern"),
    "nemotron": ("nemotron", LLAMA, "head_dim vocab layer_norm rope_dims no_scaling"),
    "ernie4_5": ("ernie4_5", LLAMA, "head_dim"),
    "apertus": ("apertus", dict(LLAMA, attention_layernorm="attn_norm", feedforward_layernorm="ffn_norm"),
        "head_dim vocab rope_dims"),
    "phi": ("phi2", dict(LLAMA, **{"self_attn.dense": "attn_output", "mlp.fc1": "ffn_up", "mlp.fc2": "ffn_down"}),
        "layer_norm rope_dims -rope_base"),
    "falcon": ("falcon", dict(BLOOM, ln_attn="attn_norm_2", ln_mlp="attn_norm"), "layer_norm -rope_base"),
    "bloom": ("bloom", BLOOM, "layer_norm"),
    "mpt": ("mpt", {"norm_1": "attn_norm", "attn.Wqkv": "attn_qkv", "attn.out_proj": "attn_output", "norm_2": "ffn_norm",
        "ffn.up_proj": "ffn_up", "ffn.down_proj": "ffn_down"}, "layer_norm clamp"),
    "gpt_bigcode": ("starcoder", BIGCODE, "layer_norm"),
    "lfm2": ("lfm2", dict(LLAMA, **{"operator_norm": "attn_norm", "self_attn.out_proj": "attn_output", "self_attn.q_layernorm":
        "attn_q_norm", "self_attn.k_layernorm": "attn_k_norm", "feed_forward.w1": "ffn_gate", "feed_forward.w3": "ffn_up",
        "feed_forward.w2": "ffn_down", "conv.conv": "shortconv.conv", "conv.in_proj": "shortconv.in_proj", "conv.out_proj":
        "shortconv.out_proj"}), "vocab"),
    "mixtral": ("llama", LLAMA, "vocab rope_dims experts"),
    "qwen2_moe": ("qwen2moe", dict(LLAMA, **SHARED), "experts expert_width"),
    "qwen3_moe": ("qwen3moe", LLAMA, "head_dim experts expert_width"),
    "olmoe": ("olmoe", LLAMA, "experts"),
    "granitemoe": ("granitemoe", LLAMA, "vocab rope_dims factors experts"),
    "gpt_oss": ("gpt-oss", dict(LLAMA, **{"post_attention_layernorm": "post_attention_norm", "self_attn.sinks": "attn_sinks",
        "mlp.router": "ffn_gate_inp"}), "head_dim window experts expert_width yarn"),
    "deepseek_v2": ("deepseek2", LLAMA, "vocab experts expert_width yarn latent"),
    "deepseek_v3": ("deepseek2", LLAMA, "vocab experts expert_width yarn latent"),
}
PERMUTED = ("mixtral", "granite", "granitemoe", "olmo")  # pairs that RoPE turns lie side by side in the file


def first(config, *fields):
    return next((config[f] for f in fields if config.get(f) is not None), None)


class Model:
    """A folder of Hugging Face's as GGUF."""

    def __init__(self, folder):
        self.c = json.loads((folder / "config.json").read_text())
        self.type = self.c["model_type"]
        self.arch, self.names, self.wants = FAMILIES[self.type]
        self.wants = self.wants.split()
        self.tensors = {n: t.float().numpy() for n, t in load_file(folder / "model.safetensors").items()}
        self.heads = first(self.c, "num_attention_heads", "n_head", "n_heads")
        self.width = first(self.c, "hidden_size", "n_embd", "d_model")
        self.kv_heads = self.c.get("num_key_value_heads", self.heads)
        if self.type == "falcon":
            self.kv_heads = self.c["num_kv_heads"]

    def write(self, path, packed=None, fused=()):
        """packed: the block type of experts, or None; fused: a name and the names of what it is made of."""
        w = gguf.GGUFWriter(path, self.arch)
        self.keys(w)
        vocabulary(w, self.c["vocab_size"])
        for name, values in merged(self.layout(), fused):
            if packed is not None and name.endswith(EXPERTS):
                w.add_tensor(name, gguf.quantize(np.ascontiguousarray(values), packed), raw_dtype=packed)
            else:
                w.add_tensor(name, np.ascontiguousarray(values, dtype=np.float32))
        w.write_header_to_file()
        w.write_kv_data_to_file()
        w.write_tensors_to_file()
        w.close()

    def keys(self, w):
        c, wants = self.c, self.wants
        rope = c.get("rope_parameters") or {}
        rope = rope.get("full_attention", rope)
        d_head = c.get("head_dim") or self.width // self.heads
        layers = first(c, "num_hidden_layers", "n_layer", "n_layers")
        w.add_block_count(layers)
        w.add_context_length(2048 if self.type == "falcon" else first(c, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length"))
        w.add_embedding_length(self.width)
        w.add_feed_forward_length(4 * self.width if self.type == "falcon" else c.get("intermediate_size") or 4 * self.width)
        w.add_head_count(self.heads)
        if self.type == "lfm2":
            w.add_head_count_kv([0 if t == "conv" else self.kv_heads for t in c["layer_types"]])
            w.add_shortconv_l_cache(c["conv_L_cache"])
        elif self.type != "mpt":
            w.add_head_count_kv(1 if self.type == "gpt_bigcode" or "latent" in wants else self.kv_heads)
        if "rope_theta" in rope and "-rope_base" not in wants:
            w.add_rope_freq_base(rope["rope_theta"])
        rms = first(c, "rms_norm_eps", "norm_eps")  # Nemotron's too, whose norms are none
        if rms is not None:
            w.add_layer_norm_rms_eps(rms)
        if "layer_norm" in wants:
            w.add_layer_norm_eps(first(c, "layer_norm_eps", "norm_eps", "norm_epsilon", "layer_norm_epsilon") or 1e-5)
        if "head_dim" in wants:
            w.add_key_length(d_head)
            w.add_value_length(d_head)
        if "vocab" in wants:
            w.add_vocab_size(c["vocab_size"])
        if "rope_dims" in wants:
            w.add_rope_dimension_count(int(d_head * rope.get("partial_rotary_factor", 1)))
        if "rope_base_swa" in wants:
            w.add_rope_freq_base_swa(c["rope_parameters"]["sliding_attention"]["rope_theta"])
        if "no_scaling" in wants:
            w.add_rope_scaling_type(gguf.RopeScalingType.NONE)
        if "yarn" in wants and rope["rope_type"] == "yarn":
            w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
            w.add_rope_scaling_factor(rope["factor"])
            w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
            if "beta_fast" in rope:
                w.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
                w.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
            if "mscale_all_dim" in rope:
                w.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])
        if "parallel" in wants:
            w.add_parallel_residual(c["use_parallel_residual"])
        if "factors" in wants:
            w.add_attention_scale(c["attention_multiplier"])
            w.add_embedding_scale(c["embedding_multiplier"])
            w.add_residual_scale(c["residual_multiplier"])
            w.add_logit_scale(c["logits_scaling"])
        if "logit_scale" in wants:
            w.add_logit_scale(c["logit_scale"])
        clamp = c.get("clip_qkv") or c.get("attn_config", {}).get("clip_qkv")
        if "clamp" in wants and clamp is not None:
            w.add_clamp_kqv(clamp)
        if self.type == "mpt":
            w.add_max_alibi_bias(c["attn_config"]["alibi_bias_max"])
        if self.type == "falcon":
            w.add_tensor_data_layout("jploski")
        if "window" in wants:
            w.add_sliding_window(c["sliding_window"])
        if "pattern" in wants:
            w.add_sliding_window_pattern([t == "sliding_attention" for t in c["layer_types"]])
        if "experts" in wants:
            w.add_expert_count(first(c, "num_local_experts", "num_experts", "n_routed_experts"))
            w.add_expert_used_count(c["num_experts_per_tok"])
        if "expert_width" in wants:
            w.add_expert_feed_forward_length(first(c, "moe_intermediate_size", "intermediate_size"))
        if "shared_expert_intermediate_size" in c:
            w.add_expert_shared_feed_forward_length(c["shared_expert_intermediate_size"])
        if "latent" in wants:
            self.latent_keys(w)
        if self.type == "apertus":
            for part in ("alpha_p", "alpha_n", "beta", "eps"):
                values = [float(self.tensors.pop(f"model.layers.{i}.mlp.act_fn.{part}").ravel()[0]) for i in range(layers)]
                getattr(w, "add_xielu_" + part)(values)

    def latent_keys(self, w):
        c = self.c
        if c.get("n_group"):
            w.add_expert_group_count(c["n_group"])
            w.add_expert_group_used_count(c["topk_group"])
        if self.type == "deepseek_v3":  # "scoring_func" of the published config.json
            w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        w.add_leading_dense_block_count(c["first_k_dense_replace"])
        if c["q_lora_rank"]:
            w.add_q_lora_rank(c["q_lora_rank"])
        w.add_kv_lora_rank(c["kv_lora_rank"])
        w.add_key_length(c["kv_lora_rank"] + c["qk_rope_head_dim"])
        w.add_value_length(c["kv_lora_rank"])
        w.add_key_length_mla(c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
        w.add_value_length_mla(c["v_head_dim"])
        w.add_expert_shared_count(c["n_shared_experts"])
        w.add_expert_weights_scale(c["routed_scaling_factor"])
        if c["norm_topk_prob"]:
            w.add_expert_weights_norm(True)
        w.add_rope_dimension_count(c["qk_rope_head_dim"])

    def layout(self):
        """(name, values) of each tensor of the file."""
        blocks = {}
        for name, values in self.tensors.items():
            parts = name.split(".")
            number = next((i for i, p in enumerate(parts) if p.isdecimal()), None)
            if number is None:
                stem, suffix = name.rsplit(".", 1)
                if not (self.c.get("tie_word_embeddings") and stem == "lm_head"):
                    yield f"{OUTSIDE[stem]}.{suffix}", self.changed(stem, suffix, values)
            else:
                blocks.setdefault(int(parts[number]), {})[".".join(parts[number + 1 :])] = values
        for i, block in sorted(blocks.items()):
            for name, values in self.split(stacked(block)):
                stem, suffix = name.rsplit(".", 1) if name.endswith((".weight", ".bias")) else (name, "weight")
                yield f"blk.{i}.{self.names.get(stem, stem)}.{suffix}", self.changed(stem, suffix, values)

    def split(self, block):
        """Of what is in a block, what lies otherwise in the file: names are Hugging Face's, or llama.cpp's already."""
        c = self.c
        for name, t in block.items():
            if name == "block_sparse_moe.input_linear.weight":
                half = t.shape[1] // 2
                yield "ffn_gate_exps.weight", t[:, :half]
                yield "ffn_up_exps.weight", t[:, half:]
            elif name == "mlp.experts.gate_up_proj":  # gpt-oss: [expert, d_model, 2 d_mlp], gate and linear part in turns
                yield "ffn_gate_exps.weight", t.transpose(0, 2, 1)[:, ::2]
                yield "ffn_up_exps.weight", t.transpose(0, 2, 1)[:, 1::2]
            elif name == "mlp.experts.gate_up_proj_bias":
                yield "ffn_gate_exps.bias", t[:, ::2]
                yield "ffn_up_exps.bias", t[:, 1::2]
            elif name == "mlp.experts.down_proj":
                yield "ffn_down_exps.weight", t.transpose(0, 2, 1)
            elif name == "self_attn.kv_b_proj.weight":  # key rows absorbed into the query, value rows after attention
                kv = t.reshape(self.heads, -1, t.shape[-1])
                yield "attn_k_b.weight", kv[:, : c["qk_nope_head_dim"]].transpose(0, 2, 1)
                yield "attn_v_b.weight", kv[:, c["qk_nope_head_dim"] :]
            else:
                yield RENAMED.get(name, name), t

    def changed(self, stem, suffix, t):
        if self.type in PERMUTED and stem.endswith(("q_proj", "k_proj")):
            heads = self.heads if stem.endswith("q_proj") else self.kv_heads
            return t.reshape(heads, 2, t.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(t.shape)
        if self.type in ("gemma", "nemotron") and stem.endswith("norm") and suffix == "weight":
            return t + 1
        if self.type in ("bloom", "falcon") and stem.endswith("query_key_value"):
            group = self.heads // self.kv_heads
            d_head = self.width // self.heads
            rows = t.reshape(self.kv_heads, group + 2, d_head, -1)
            parts = (rows[:, :group], rows[:, group : group + 1], rows[:, group + 1 :])
            return np.concatenate([p.reshape(-1, rows.shape[-1]) for p in parts]).reshape(t.shape)
        return t[:, 0] if stem.endswith("conv.conv") else t


RENAMED = {
    "block_sparse_moe.output_linear.weight": "ffn_down_exps.weight", "block_sparse_moe.router.layer.weight": "ffn_gate_inp.weight",
    "block_sparse_moe.gate.weight": "ffn_gate_inp.weight", "block_sparse_moe.experts.w1.weight": "ffn_gate_exps.weight",
    "block_sparse_moe.experts.w2.weight": "ffn_down_exps.weight", "block_sparse_moe.experts.w3.weight": "ffn_up_exps.weight",
    "mlp.experts.down_proj_bias": "ffn_down_exps.bias", "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
    "mlp.shared_experts.gate_proj.weight": "ffn_gate_shexp.weight", "mlp.shared_experts.up_proj.weight": "ffn_up_shexp.weight",
    "mlp.shared_experts.down_proj.weight": "ffn_down_shexp.weight", "self_attn.q_a_proj.weight": "attn_q_a.weight",
    "self_attn.q_a_layernorm.weight": "attn_q_a_norm.weight", "self_attn.q_b_proj.weight": "attn_q_b.weight",
    "self_attn.kv_a_proj_with_mqa.weight": "attn_kv_a_mqa.weight", "self_attn.kv_a_layernorm.weight": "attn_kv_a_norm.weight",
}


def stacked(block):
    """Tensors that are numbered in a block, of experts or of heads, as one."""
    out, several = {}, {}
    for name, t in block.items():
        parts = name.split(".")
        number = next((i for i, p in enumerate(parts) if p.isdecimal()), None)
        if number is None:
            out[name] = t
        else:
            named = [p for p in parts[:number] + parts[number + 1 :] if p != "norms"]
            several.setdefault(".".join(named), {})[int(parts[number])] = t
    return out | {name: np.stack([ts[i] for i in sorted(ts)]) for name, ts in several.items()}


def merged(tensors, fused):
    waiting = {}
    for name, values in tensors:
        stem, suffix = name.rsplit(".", 1)
        block, _, part = stem.rpartition(".")
        if part not in fused[1:]:
            yield name, values
            continue
        parts = waiting.setdefault((block, suffix), {})
        parts[part] = values
        if len(parts) == len(fused) - 1:
            yield f"{block}.{fused[0]}.{suffix}", np.concatenate([parts[p] for p in fused[1:]], axis=int(values.ndim == 3))


def vocabulary(w, size):
    tokens = (["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)])[:size]
    w.add_tokenizer_model("llama")
    w.add_tokenizer_pre("default")
    w.add_token_list(tokens)
    w.add_token_scores([0.0] * size)
    w.add_token_types([gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.BYTE] * (size - 3))
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_unk_token_id(0)


def rounded(build, name):
    """make_families' build, whose experts are afterwards numbers that blocks can hold."""

    def built(base, held):
        model = build(base, held)
        for n, p in model.named_parameters():
            if ".experts." in n and not n.endswith("bias"):
                rows = p.detach().transpose(-1, -2) if base.startswith("gpt_oss") else p.detach()
                values = gguf.quantize(rows.contiguous().numpy(), PACKED[name])
                rows.copy_(torch.from_numpy(gguf.dequantize(values, PACKED[name])))
        return model

    return built


def main():
    spec = importlib.util.spec_from_file_location("make_families", sys.argv[1])
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    out = pathlib.Path(sys.argv[2])
    names = sys.argv[3:] or list(MODELS)
    for name in names:
        base, other = MODELS[name]
        kind, config, _ = make.F[base]
        make.F[name] = (kind, dict(config, **other), {})
    build = make.build
    for name in names:
        make.build = rounded(build, name) if name in PACKED else build
        sys.argv = ["make_families.py", str(out / "work"), "0", name]
        make.main()
        folder = out / "work" / name
        Model(folder).write(out / f"{name}.gguf", PACKED.get(name), FUSED.get(name, ()))
        golden = load_file(folder / "golden.safetensors")
        kept = ("input_ids", "logits", "greedy_ids", "greedy_logits")
        save_file({n: golden[n] for n in kept}, out / f"{name}.golden.safetensors")
        shutil.copy(folder / "noise.json", out / f"{name}.noise.json")


if __name__ == "__main__":
    main()
