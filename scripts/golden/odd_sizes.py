#!/usr/bin/env python3
"""Makes tiny random models of every family with odd sizes, and what Hugging Face transformers computes for them.

usage: odd_sizes.py OUT_DIR [NAME...]        (torch, transformers 4.57 or later, safetensors)
then:  LLM_INSPECTOR_ODD=OUT_DIR mvn -Plong -pl inspector-core test -Dtest=GoldenTest
       odd_sizes.py inspector-core/src/test/resources/golden/odd --committed

One key/value head, odd vocabularies, heads that do not divide the width, every activation, embeddings tied the other way,
biases on and off, windows layer by layer, every RoPE. The layout is that of inspector-core/src/test/resources/golden/hf;
the noise of a tensor is what float32 and float64 of the reference differ by.
"""

import copy
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

STEPS = 12
LONG = dict(type="longrope", short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.5, 2.0, 4.0, 8.0])


def small(**more):
    """A small Llama-like shape: three heads of 12 on a width of 42, vocabulary 131."""
    return dict(
        dict(
            vocab_size=131,
            hidden_size=42,
            intermediate_size=53,
            num_hidden_layers=3,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=12,
            max_position_embeddings=96,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        ),
        **more,
    )


def gpt2(**more):
    return dict(dict(vocab_size=131, n_positions=64, n_embd=39, n_layer=3, n_head=3, bos_token_id=1, eos_token_id=2), **more)


def neox(**more):
    shape = small(num_attention_heads=4, hidden_size=48, **more)
    return {k: v for k, v in shape.items() if k not in ("num_key_value_heads", "head_dim")}


def gemma(**more):
    return small(**dict(dict(query_pre_attn_scalar=17, sliding_window=5), **more))


SLIDE, FULL = "sliding_attention", "full_attention"
MODELS = {
    "gpt2_gelu_untied": ("GPT2", gpt2(activation_function="gelu", tie_word_embeddings=False)),
    "gpt2_relu_by_layer": ("GPT2", gpt2(activation_function="relu", n_inner=71, scale_attn_by_inverse_layer_idx=True)),
    "gpt2_tanh_gelu_unscaled": ("GPT2", gpt2(activation_function="gelu_pytorch_tanh", scale_attn_weights=False)),
    "gpt2_quick_gelu": ("GPT2", gpt2(activation_function="quick_gelu", layer_norm_epsilon=1e-3)),
    "gpt2_silu": ("GPT2", gpt2(activation_function="silu", n_head=1)),
    "gpt2_relu2": ("GPT2", gpt2(activation_function="relu2", n_head=13)),
    "llama_odd": ("Llama", small()),
    "llama_gelu_biases_tied": (
        "Llama",
        small(hidden_act="gelu", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    ),
    "llama_tanh_gelu_mlp_bias": ("Llama", small(hidden_act="gelu_pytorch_tanh", mlp_bias=True, rms_norm_eps=1e-3)),
    "llama_relu_attention_bias": ("Llama", small(hidden_act="relu", attention_bias=True, num_key_value_heads=3)),
    "llama_gelu_new": ("Llama", small(hidden_act="gelu_new", head_dim=26, num_attention_heads=6, num_key_value_heads=2)),
    "llama_dynamic": (
        "Llama",
        small(max_position_embeddings=32, rope_scaling=dict(rope_type="dynamic", factor=2.5)),
    ),
    "llama_linear": ("Llama", small(rope_theta=777.0, rope_scaling=dict(rope_type="linear", factor=1.7))),
    "llama_llama3": (
        "Llama",
        small(
            rope_theta=50000.0,
            rope_scaling=dict(
                rope_type="llama3",
                factor=5.0,
                low_freq_factor=1.5,
                high_freq_factor=3.0,
                original_max_position_embeddings=24,
            ),
        ),
    ),
    "llama_yarn_mscale": (
        "Llama",
        small(
            max_position_embeddings=80,
            rope_scaling=dict(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=20,
                beta_fast=16.0,
                beta_slow=2.0,
                mscale=0.8,
                mscale_all_dim=0.5,
            ),
        ),
    ),
    "llama_yarn_untruncated": (
        "Llama",
        small(
            rope_scaling=dict(
                rope_type="yarn", factor=3.0, original_max_position_embeddings=32, truncate=False, attention_factor=1.3
            )
        ),
    ),
    "mistral_no_window": ("Mistral", small(sliding_window=None, tie_word_embeddings=True)),
    "mistral_window_1": ("Mistral", small(sliding_window=3, hidden_act="gelu", num_key_value_heads=3)),
    "qwen2_window": ("Qwen2", small(use_sliding_window=True, sliding_window=6, max_window_layers=1, head_dim=None,
                                    hidden_size=48)),
    "qwen2_untied": ("Qwen2", small(hidden_act="relu", head_dim=None, hidden_size=42, tie_word_embeddings=False)),
    "qwen3_bias": ("Qwen3", small(attention_bias=True, tie_word_embeddings=True, head_dim=22)),
    "qwen3_layer_types": (
        "Qwen3",
        small(use_sliding_window=True, sliding_window=4, layer_types=[FULL, SLIDE, FULL], rms_norm_eps=1e-3),
    ),
    "gemma2_plain": ("Gemma2", gemma(attn_logit_softcapping=None, final_logit_softcapping=None)),
    "gemma2_types": ("Gemma2", gemma(layer_types=[FULL, FULL, SLIDE], attn_logit_softcapping=3.0, hidden_activation="gelu")),
    "gemma2_untied": ("Gemma2", gemma(tie_word_embeddings=False, attention_bias=True, final_logit_softcapping=4.0)),
    "gemma3_scaled": (
        "Gemma3",
        gemma(
            num_hidden_layers=4,
            layer_types=[SLIDE, FULL, SLIDE, FULL],
            rope_theta=5000.0,
            rope_local_base_freq=300.0,
            rope_scaling=dict(rope_type="linear", factor=8.0),
        ),
    ),
    "gemma3_softcap": ("Gemma3", gemma(final_logit_softcapping=6.0, hidden_activation="silu", attention_bias=True)),
    "gemma3_untied": ("Gemma3", gemma(tie_word_embeddings=False, num_key_value_heads=3, head_dim=10)),
    "phi3_partial": ("Phi3", small(partial_rotary_factor=0.5, num_attention_heads=4, hidden_size=48, head_dim=None,
                                   original_max_position_embeddings=96, sliding_window=None)),
    "phi3_odd_rotary": (
        "Phi3",
        small(partial_rotary_factor=0.7, num_attention_heads=2, hidden_size=40, head_dim=None, sliding_window=7,
              num_key_value_heads=1, original_max_position_embeddings=96, tie_word_embeddings=True),
    ),
    "phi3_long": (
        "Phi3",
        small(
            num_attention_heads=4,
            hidden_size=32,
            head_dim=None,
            max_position_embeddings=96,
            original_max_position_embeddings=24,
            sliding_window=None,
            rope_scaling=dict(LONG),
        ),
    ),
    "phi3_short": (
        "Phi3",
        small(
            num_attention_heads=4,
            num_key_value_heads=2,
            hidden_size=32,
            head_dim=None,
            original_max_position_embeddings=64,
            sliding_window=None,
            rope_scaling=dict(LONG),
        ),
    ),
    "neox_sequential": ("GPTNeoX", neox(use_parallel_residual=False, rotary_pct=1.0, hidden_act="gelu_new")),
    "neox_no_bias_tied": ("GPTNeoX", neox(attention_bias=False, tie_word_embeddings=True, rotary_pct=0.5)),
    "neox_relu": ("GPTNeoX", neox(hidden_act="relu", rotary_pct=0.34, layer_norm_eps=1e-3, rotary_emb_base=500)),
    "neox_gelu_fast": ("GPTNeoX", neox(hidden_act="gelu_fast")),
    "olmo2_bias": ("Olmo2", small(head_dim=None, hidden_size=42, attention_bias=True)),
    "olmo2_tied": ("Olmo2", small(head_dim=None, hidden_size=48, num_key_value_heads=3, tie_word_embeddings=True, hidden_act="gelu")),
    "smollm3_nope": (
        "SmolLM3",
        small(no_rope_layers=[0, 1, 0], attention_bias=True, mlp_bias=True, tie_word_embeddings=False, head_dim=None, hidden_size=42),
    ),
    "smollm3_window": (
        "SmolLM3",
        small(no_rope_layer_interval=2, use_sliding_window=True, sliding_window=5, num_key_value_heads=3, head_dim=None, hidden_size=48),
    ),
}


def tiny(**more):
    """Odder and smaller: what is committed, in inspector-core/src/test/resources/golden/odd."""
    return small(
        **dict(
            dict(vocab_size=61, hidden_size=30, intermediate_size=35, num_hidden_layers=2, head_dim=10,
                 max_position_embeddings=48),
            **more,
        )
    )


COMMITTED = {
    "gpt2": ("GPT2", gpt2(vocab_size=61, n_positions=43, n_embd=27, n_layer=2, n_head=9, n_inner=31,
                          activation_function="quick_gelu", scale_attn_by_inverse_layer_idx=True,
                          tie_word_embeddings=False)),
    "llama": ("Llama", tiny(hidden_act="gelu", head_dim=14, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                            max_position_embeddings=16, rope_scaling=dict(rope_type="dynamic", factor=2.5))),
    "qwen3": ("Qwen3", tiny(use_sliding_window=True, sliding_window=4, layer_types=[FULL, SLIDE], attention_bias=True,
                            head_dim=22, tie_word_embeddings=True, rms_norm_eps=1e-3)),
    "gemma3": ("Gemma3", gemma(vocab_size=61, hidden_size=30, intermediate_size=35, num_hidden_layers=2, head_dim=10,
                               layer_types=[SLIDE, FULL], rope_theta=5000.0, rope_local_base_freq=300.0,
                               rope_scaling=dict(rope_type="linear", factor=8.0), final_logit_softcapping=6.0,
                               hidden_activation="silu", attention_bias=True, tie_word_embeddings=False)),
    "phi3": ("Phi3", tiny(num_attention_heads=2, hidden_size=40, head_dim=None, partial_rotary_factor=0.4,
                          sliding_window=7, max_position_embeddings=48, original_max_position_embeddings=12,
                          rope_scaling=dict(LONG), tie_word_embeddings=True)),
    "gpt_neox": ("GPTNeoX", {k: v for k, v in tiny(num_attention_heads=4, hidden_size=36, use_parallel_residual=False,
                                                   rotary_pct=0.34, hidden_act="relu", attention_bias=False,
                                                   tie_word_embeddings=True).items()
                             if k not in ("num_key_value_heads", "head_dim")}),
    "olmo2": ("Olmo2", tiny(head_dim=None, attention_bias=True, hidden_act="relu",
                            rope_scaling=dict(rope_type="yarn", factor=3.0, original_max_position_embeddings=16,
                                              truncate=False, attention_factor=1.3))),
    "smollm3": ("SmolLM3", tiny(num_hidden_layers=3, intermediate_size=17, no_rope_layers=[0, 1, 0], attention_bias=True,
                                use_sliding_window=True, sliding_window=5, head_dim=None, tie_word_embeddings=False)),
}
CLASSES = {"Gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM")}


def build(cls, config, seed):
    names = CLASSES.get(cls, (cls + "Config", cls + ("LMHeadModel" if cls == "GPT2" else "ForCausalLM")))
    # A null head_dim means "not given": the reference then divides the width.
    c = getattr(transformers, names[0])(**{k: v for k, v in config.items() if (k, v) != ("head_dim", None)})
    for dropout in ("attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout", "hidden_dropout"):
        if hasattr(c, dropout):
            setattr(c, dropout, 0.0)
    c._attn_implementation = "eager"
    model = getattr(transformers, names[1])(c).eval()
    random = torch.Generator().manual_seed(seed)
    gemma_like = cls.startswith("Gemma")
    with torch.no_grad():
        for name, p in model.named_parameters():
            r = torch.randn(p.shape, generator=random)
            norm = "norm" in name or "ln_" in name
            if norm and name.endswith("weight"):
                p.copy_(0.25 * r + (0.0 if gemma_like else 1.0))
                if gemma_like and name == "model.norm.weight":
                    p.add_(4.0)
            elif any(s in name for s in ("embed", "wte", "lm_head")):
                p.copy_((0.05 if gemma_like else 0.5) * r)
            else:
                p.copy_(0.2 * r)
    model.tie_weights()
    return model


def parts(model):
    """Layers, a layer's output projection, its MLP."""
    base = model.base_model if model.base_model is not model else model.model
    if hasattr(base, "h"):
        return base.h, lambda l: l.attn.c_proj
    return base.layers, (lambda l: l.attention.dense) if hasattr(base, "embed_in") else (lambda l: l.self_attn.o_proj)


def reference(pristine, ids):
    """Every tensor of one golden. RoPE may keep state in the module: each part starts from an untouched copy."""
    out, hooks = {}, []
    model = copy.deepcopy(pristine)

    def keep(name):
        def hook(module, args, value):
            out[name] = (value[0] if isinstance(value, tuple) else value).detach().clone()

        return hook

    layers, projection = parts(model)
    for i, layer in enumerate(layers):
        for name, module in (("layer_out", layer), ("attn_out", projection(layer)), ("mlp_out", layer.mlp)):
            hooks.append(module.register_forward_hook(keep(f"{name}.{i}")))
    o = model(input_ids=ids, use_cache=False, output_attentions=True, output_hidden_states=True)
    for hook in hooks:
        hook.remove()
    out["logits"] = o.logits
    for i, t in enumerate(o.hidden_states):
        out[f"hidden_states.{i}"] = t
    for i, t in enumerate(o.attentions):
        out[f"attentions.{i}"] = t
    out["short.logits"] = copy.deepcopy(pristine)(input_ids=ids[:, 3:10], use_cache=False).logits
    logprobs = torch.log_softmax(o.logits[0, :-1], -1)
    out["token_logprobs"] = logprobs.gather(1, ids[0, 1:, None])[:, 0]
    model, current, past, greedy, rows = copy.deepcopy(pristine), ids, None, [], []
    for _ in range(STEPS):
        r = model(input_ids=current, past_key_values=past, use_cache=True)
        past = r.past_key_values
        rows.append(r.logits[0, -1])
        current = rows[-1].argmax()[None, None]
        greedy.append(int(current))
    out["greedy_logits"] = torch.stack(rows)
    model = copy.deepcopy(pristine)
    layers, projection = parts(model)
    heads = model.config.num_attention_heads

    def cut(module, args):
        x = args[0].clone()
        x[..., (heads - 1) * (x.shape[-1] // heads) :] = 0
        return (x,)

    projection(layers[1]).register_forward_pre_hook(cut)
    out["ablate.logits"] = model(input_ids=ids, use_cache=False).logits
    return out, greedy


def kind(name):
    return name.rsplit(".", 1)[0] if name.rsplit(".", 1)[-1].isdigit() else name


@torch.no_grad()
def make(root, name, cls, config, seed, positions=37):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    build(cls, config, seed).save_pretrained(folder, safe_serialization=True)
    load = lambda t: AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=t).eval()
    single, double = load(torch.float32), load(torch.float64)
    for attempt in range(60):
        random = torch.Generator().manual_seed(1000 * attempt + seed)
        ids = torch.randint(3, single.config.vocab_size, (1, positions), generator=random)
        out, greedy = reference(single, ids)
        top = out["greedy_logits"].topk(2).values
        # A near tie could fall either way, and one token over and over would show nothing.
        if (top[:, 0] - top[:, 1]).min() > 0.01 and len(set(greedy)) >= 4:
            break
    exact, _ = reference(double, ids)
    noise = {}
    for tensor, value in out.items():
        noise[kind(tensor)] = max(noise.get(kind(tensor), 0.0), float((value.double() - exact[tensor]).abs().max()))
    out = {n: v.float().contiguous().clone() for n, v in out.items()}
    out["input_ids"], out["short.input_ids"] = ids.contiguous(), ids[:, 3:10].clone()
    out["greedy_ids"] = torch.tensor(greedy)
    save_file(out, folder / "golden.safetensors")
    heads = single.config.num_attention_heads
    info = {"info": {"ablate": {"layer": 1, "head": heads - 1}}, "transformers": transformers.__version__}
    (folder / "golden.json").write_text(json.dumps(info, indent=1))
    (folder / "noise.json").write_text(json.dumps({"max_abs_diff": noise}, indent=1))
    print(f"{name}: {len(set(greedy))} different tokens, noise of logits {noise['logits']:.1e}, {json.dumps(config)[:60]}")


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    root, only = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
    committed = "--committed" in only
    only.discard("--committed")
    for seed, (name, (cls, config)) in enumerate((COMMITTED if committed else MODELS).items(), 1):
        if not only or name in only:
            make(root, name, cls, config, seed, 21 if committed else 37)
            if committed:
                (root / name / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
