#!/usr/bin/env python3
"""Makes the goldens of two more shapes of Gemma 4 by make_recent.py, small enough to be kept: gemma4_wide, whose layers with the keys of others
have MLPs of twice the width, and gemma4_moe, a mixture parallel to an MLP, with keys as values and without per-layer embeddings.

Run:  python make_gemma4.py MAKE_RECENT.py OUT_DIR SEED_OFFSET [name ...]     (needs torch, transformers, safetensors)
"""
import importlib.util, os, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[1])))
spec = importlib.util.spec_from_file_location("make_recent", sys.argv[1])
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)
shared = dict(head_dim=16, global_head_dim=32, sliding_window=8, vocab_size_per_layer_input=288)
kinds = ["sliding_attention", "sliding_attention", "full_attention"]
make.F["gemma4_wide"] = ("Gemma4", make.dense(num_hidden_layers=6, hidden_size_per_layer_input=16, num_kv_shared_layers=2,
    use_double_wide_mlp=True, final_logit_softcapping=30.0, layer_types=kinds * 2, **shared), {})
make.F["gemma4_moe"] = ("Gemma4", make.dense(num_hidden_layers=3, hidden_size_per_layer_input=0, attention_k_eq_v=True,
    num_global_key_value_heads=1, enable_moe_block=True, num_experts=6, top_k_experts=2, moe_intermediate_size=48, layer_types=kinds, **shared), {})
plain = make.passes


def passes(m, ids):
    """make_recent's, and the routers' logits, which Gemma 4's router does not return."""
    routers = {}
    hooks = [l.router.proj.register_forward_hook(lambda mod, a, o, i=i: routers.__setitem__(f"router.{i}", o.detach().reshape(-1, o.shape[-1]).clone()))
             for i, l in enumerate(m.model.layers) if hasattr(l, "router")]
    out = plain(m, ids)
    for h in hooks: h.remove()
    return dict(out, **routers)


make.passes = make.M.passes = passes
sys.argv = ["make_recent.py", *sys.argv[2:4], *(sys.argv[4:] or ["gemma4_wide", "gemma4_moe"])]
make.M.main()
