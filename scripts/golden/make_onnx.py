"""Makes tiny ONNX decoders as others export them, and what transformers computes for the same weights.

    python make_onnx.py OUT [NAME...]        (inspector-core/src/test/resources/golden/onnx)

Needs torch, onnx, onnxruntime, safetensors, transformers 4.57, optimum 2.1 and optimum-onnx 0.1 (the exporter itself).

    llama/model.onnx       Optimum's export as it is, the tests' 320 tokens
    gpt2/onnx/model.onnx   the same of GPT-2, in the folder where onnx-community puts it
    qwen2/model.onnx       weights beside it (model.onnx_data); keys, values and logits in FP16
    int8/model.onnx        the Llama with ONNX Runtime's dynamic quantization (DynamicQuantizeLinear, MatMulInteger)
    fp16/model.onnx        the Llama with ONNX Runtime's conversion to FP16, inputs and outputs too
    stablelm/model.onnx    a family that the program does not know
    merged/model.onnx      with and without past in the branches of an If, as Optimum merges decoders
    fused/model.onnx       GroupQueryAttention and MatMulNBits, with the names of onnx-community's q4 files; one of its norms
                           also gives one over what it divides by

make_genai.py and make_dynamo.py make what newer exporters do.

NAME.golden.safetensors: input_ids, logits, hidden_states.N (before block N; the last after the final norm), attentions.N,
greedy_ids (12 tokens).
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, StableLmConfig, StableLmForCausalLM

IDS = torch.tensor([[5, 17, 60, 3, 9, 44, 71, 12, 30, 8, 99, 21]])


def greedy(model, ids=IDS):
    """12 tokens, and by how much the closest of them was chosen."""
    ids, margin = ids, float("inf")
    with torch.no_grad():
        for _ in range(12):
            logits = model(ids).logits[0, -1]
            best = logits.topk(2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            ids = torch.cat([ids, best.indices[:1][None]], 1)
    return ids[:, IDS.shape[1]:].contiguous(), margin


def random(model, rounded=lambda model: None, margin=0.05):
    """Random weights of which no two tokens are nearly equal; `rounded` is what will become of them."""
    model.config._attn_implementation = "eager"
    model.eval()
    for seed in range(1000):
        torch.manual_seed(seed)
        with torch.no_grad():
            for name, p in model.named_parameters():
                norm = p.dim() == 1 and name.endswith("weight")
                p.normal_(1 if norm else 0, 0.1 if p.dim() == 1 else 1.5 / p.shape[-1] ** 0.5)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        rounded(model)
        good = greedy(model)[1] > margin
        model.load_state_dict(before)
        if good:
            return model
    raise SystemExit("no seed is good")


def export(model, to):
    """Optimum's own export."""
    from optimum.exporters.onnx import onnx_export_from_model

    model.config._attn_implementation = "sdpa"
    with tempfile.TemporaryDirectory() as tmp:
        onnx_export_from_model(model, output=tmp, task="text-generation-with-past", do_validation=False)
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(tmp) / "model.onnx", to / "model.onnx")
    model.config._attn_implementation = "eager"


def golden(model, folder):
    with torch.no_grad():
        out = model(IDS, output_hidden_states=True, output_attentions=True)
    tensors = {"input_ids": IDS, "logits": out.logits, "greedy_ids": greedy(model)[0]}
    last = model.base_model(IDS).last_hidden_state.detach()  # not every family's hidden_states end with it
    for i, h in enumerate([*out.hidden_states[:-1], last]):
        tensors[f"hidden_states.{i}"] = h
    for i, a in enumerate(out.attentions):
        tensors[f"attentions.{i}"] = a
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, folder.parent / (folder.name + ".golden.safetensors"))
    config = model.config.to_dict()
    config.pop("_name_or_path", None)
    config["architectures"] = [type(model).__name__]
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True, default=str) + "\n")


def half_cache(path):
    """The same graph with its keys, values and logits in FP16 outside."""
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for v in graph.input:
        if not v.name.startswith("past_key_values"):
            continue
        v.type.tensor_type.elem_type = TensorProto.FLOAT16
        for n in graph.node:
            n.input[:] = [v.name + ".f32" if i == v.name else i for i in n.input]
        casts.append(helper.make_node("Cast", [v.name], [v.name + ".f32"], to=TensorProto.FLOAT))
    for v in graph.output:
        if not v.name.startswith(("present", "logits")):
            continue
        v.type.tensor_type.elem_type = TensorProto.FLOAT16
        for n in graph.node:
            n.input[:] = [v.name + ".f32" if i == v.name else i for i in n.input]
            n.output[:] = [v.name + ".f32" if o == v.name else o for o in n.output]
        graph.node.append(helper.make_node("Cast", [v.name + ".f32"], [v.name], to=TensorProto.FLOAT16))
    for c in reversed(casts):
        graph.node.insert(0, c)
    return model


def merged(path):
    """Optimum's merged decoder: the branch of the first pass is given no keys and values."""
    from optimum.onnx import merge_decoders

    first = onnx.load(path)
    graph = first.graph
    for v in [v for v in graph.input if v.name.startswith("past_key_values")]:
        _, kv, _, d = (dim.dim_value for dim in v.type.tensor_type.shape.dim)
        graph.initializer.append(numpy_helper.from_array(np.zeros((1, kv, 0, d), np.float32), v.name + ".none"))
        for n in graph.node:
            n.input[:] = [v.name + ".none" if i == v.name else i for i in n.input]
        graph.input.remove(v)
    merge_decoders(first, onnx.load(path), save_path=path)


def nibbles(weight, block=32):
    """Codes and scales of MatMulNBits, and the weight that they stand for: w = scale (code - 8)."""
    rows, cols = weight.shape
    w = weight.reshape(rows, cols // block, block)
    largest = np.take_along_axis(w, np.abs(w).argmax(-1)[..., None], -1)
    scale = (largest / -8).astype(np.float32)
    scale[scale == 0] = 1
    codes = np.clip(np.rint(w / scale) + 8, 0, 15).astype(np.uint8)
    packed = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return packed, scale[..., 0], ((codes.astype(np.float32) - 8) * scale).reshape(rows, cols)


def fused(model, folder):
    """A Llama as onnx-community's q4 files have it; the model gets the rounded weights."""
    c = model.config
    heads, kv, d = c.num_attention_heads, c.num_key_value_heads, c.hidden_size // c.num_attention_heads
    nodes, weights = [], []

    def weight(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(op, name, inputs, outputs=1, domain="", **attributes):
        out = [f"{name}/output_{i}" for i in range(outputs)]
        nodes.append(helper.make_node(op, inputs, out, name=name, domain=domain, **attributes))
        return out[0] if outputs == 1 else out

    def product(module, name, x):
        codes, scales, decoded = nibbles(module.weight.detach().numpy())
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(decoded))
        rows, cols = decoded.shape
        return node("MatMulNBits", name + "/MatMul_Q4", [x, weight(name + ".codes", codes), weight(name + ".scales", scales)],
                    domain="com.microsoft", K=cols, N=rows, bits=4, block_size=32)

    def norm(module, name, x, skip=None):
        w = weight(name + ".weight", module.weight.detach().numpy())
        if skip is None:
            return node("SimplifiedLayerNormalization", name + "/LayerNorm", [x, w], 2, epsilon=c.rms_norm_eps, axis=-1)[0], x
        out = node("SkipSimplifiedLayerNormalization", name + "/SkipLayerNorm", [skip, x, w], 4, "com.microsoft", epsilon=c.rms_norm_eps)
        return out[0], out[3]

    one = weight("one", np.array([1], np.int64))
    total = node("Gather", "/model/attn_mask/Gather", [node("Shape", "/model/attn_mask/Shape", ["attention_mask"]), one])
    total = node("Cast", "/model/attn_mask/total", [node("Squeeze", "/model/attn_mask/Squeeze", [total])], to=TensorProto.INT32)
    counted = node("ReduceSum", "/model/attn_mask/ReduceSum", ["attention_mask", one], keepdims=0)
    lengths = node("Cast", "/model/attn_mask/lengths", [node("Sub", "/model/attn_mask/Sub", [counted, one])], to=TensorProto.INT32)
    angles = np.outer(np.arange(c.max_position_embeddings), c.rope_theta ** (-np.arange(0, d, 2) / d)).astype(np.float32)
    cos, sin = weight("cos_cache", np.cos(angles)), weight("sin_cache", np.sin(angles))
    x = node("Gather", "/model/embed_tokens/Gather", [weight("embed", model.model.embed_tokens.weight.detach().numpy()), "input_ids"])
    skip, added, outputs = None, x, []
    for i, layer in enumerate(model.model.layers):
        name = f"/model/layers.{i}/"
        h, skip = norm(layer.input_layernorm, name + "input_layernorm", added, skip)
        a = layer.self_attn
        q, k, v = (product(m, f"{name}attn/{p}_proj", h) for m, p in ((a.q_proj, "q"), (a.k_proj, "k"), (a.v_proj, "v")))
        present = [f"present.{i}.key", f"present.{i}.value"]
        nodes.append(helper.make_node(
            "GroupQueryAttention",
            [q, k, v, f"past_key_values.{i}.key", f"past_key_values.{i}.value", lengths, total, cos, sin],
            [name + "attn/GroupQueryAttention/output_0", *present], name=name + "attn/GroupQueryAttention",
            domain="com.microsoft", num_heads=heads, kv_num_heads=kv, do_rotary=1))
        outputs += present
        o = product(a.o_proj, name + "attn/o_proj", name + "attn/GroupQueryAttention/output_0")
        h, skip = norm(layer.post_attention_layernorm, name + "post_attention_layernorm", o, skip)
        gate, up = product(layer.mlp.gate_proj, name + "mlp/gate_proj", h), product(layer.mlp.up_proj, name + "mlp/up_proj", h)
        act = node("Mul", name + "mlp/act_fn/Mul", [gate, node("Sigmoid", name + "mlp/act_fn/Sigmoid", [gate])])
        added = product(layer.mlp.down_proj, name + "mlp/down_proj", node("Mul", name + "mlp/Mul", [act, up]))
    h, _ = norm(model.model.norm, f"/model/layers.{c.num_hidden_layers}/final_norm_layernorm", added, skip)
    head = product(model.lm_head, "/lm_head", h)
    nodes[-1].output[0] = "logits"
    cache = ["batch_size", kv, "past_sequence_length", d]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch_size", "sequence_length"]),
              helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch_size", "total_sequence_length"])]
    inputs += [helper.make_tensor_value_info(o.replace("present", "past_key_values"), TensorProto.FLOAT, cache) for o in outputs]
    cache = ["batch_size", kv, "total_sequence_length", d]
    results = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch_size", "sequence_length", c.vocab_size])]
    results += [helper.make_tensor_value_info(o, TensorProto.FLOAT, cache) for o in outputs]
    graph = helper.make_graph(nodes, "main_graph", inputs, results, weights)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="make_onnx.py")
    onnx.save(made, folder / "model.onnx")
    assert head


def llama(folder):
    model = random(LlamaForCausalLM(LlamaConfig(vocab_size=320, tie_word_embeddings=True, **{**SMALL, "hidden_size": 16})))
    export(model, folder)
    golden(model, folder)


def gpt2(folder):
    model = random(GPT2LMHeadModel(GPT2Config(vocab_size=128, n_embd=32, n_inner=40, n_layer=2, n_head=4, n_positions=64,
                                              bos_token_id=1, eos_token_id=2)))
    export(model, folder / "onnx")
    golden(model, folder)


def qwen2(folder):
    model = random(Qwen2ForCausalLM(Qwen2Config(vocab_size=128, tie_word_embeddings=True, **SMALL)))
    export(model, folder)
    made = half_cache(folder / "model.onnx")
    (folder / "model.onnx_data").unlink(missing_ok=True)
    onnx.save_model(made, folder / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=64)
    golden(model, folder)


def int8(folder):
    from onnxruntime.quantization import quantize_dynamic

    llama(folder)
    quantize_dynamic(folder / "model.onnx", folder / "model.onnx")


def fp16(folder):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    llama(folder)
    onnx.save(convert_float_to_float16(onnx.load(folder / "model.onnx")), folder / "model.onnx")


def stablelm(folder):
    model = random(StableLmForCausalLM(StableLmConfig(vocab_size=128, **SMALL)))
    export(model, folder)
    golden(model, folder)


def merged_gpt2(folder):
    model = random(GPT2LMHeadModel(GPT2Config(vocab_size=128, n_embd=16, n_inner=16, n_layer=1, n_head=4, n_positions=64,
                                              bos_token_id=1, eos_token_id=2)))
    export(model, folder)
    merged(folder / "model.onnx")
    golden(model, folder)


def fused_llama(folder):
    sizes = {**SMALL, "hidden_size": 64, "intermediate_size": 64}
    model = random(LlamaForCausalLM(LlamaConfig(vocab_size=128, **sizes)), lambda model: fused(model, folder))
    fused(model, folder)
    golden(model, folder)


SMALL = dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
ALL = dict(llama=llama, gpt2=gpt2, qwen2=qwen2, int8=int8, fp16=fp16, stablelm=stablelm, merged=merged_gpt2, fused=fused_llama)


if __name__ == "__main__":
    for name in sys.argv[2:] or ALL:
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        ALL[name](folder)
