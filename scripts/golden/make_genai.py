"""Makes tiny ONNX decoders as onnxruntime-genai's model builder does, and what transformers computes for the same weights.

    python make_genai.py OUT        (inspector-core/src/test/resources/golden/onnx)

Needs torch, transformers 5.24, onnx, onnx_ir and onnxruntime-genai 0.18 (the builder itself).

    genai_fp32/      a Llama: GroupQueryAttention over queries, keys and values side by side; weights beside the graph
    genai_int4/      a Qwen 3 (its queries and keys have norms): MatMulNBits, whose kernel also rounds what it multiplies

NAME.golden.safetensors is as make_onnx.py makes it. The builder writes no config.json; it is transformers'.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime_genai
import torch
from make_onnx import golden, random
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

sys.path.insert(0, str(Path(onnxruntime_genai.__file__).parent / "models"))
import builder  # noqa: E402

TOKENIZER = Path(__file__).parents[2] / "inspector-core/src/test/resources/tokenizers/spm"
SMALL = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=16, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, vocab_size=128)


def build(model, precision, folder):
    """The builder's own export, from a folder on disk."""
    with tempfile.TemporaryDirectory() as tmp:
        source, made = Path(tmp) / "source", Path(tmp) / "made"
        model.save_pretrained(source)
        for file in TOKENIZER.iterdir():
            shutil.copy(file, source)  # it wants one
        where = [None, str(source), str(made), precision, "cpu", str(Path(tmp) / "cache")]
        builder.create_model(*where, **builder.parse_extra_options(*where, []))
        for file in ("model.onnx", "model.onnx.data"):
            shutil.copy(made / file, folder)


def decode(model, folder):
    """Gives the model the weights that the graph's four bits stand for."""
    graph = onnx.load(folder / "model.onnx").graph
    weights = {w.name: onnx.numpy_helper.to_array(w) for w in graph.initializer}
    modules = dict(model.named_modules())
    for n in graph.node:
        if n.op_type != "MatMulNBits":
            continue
        sizes = {a.name: a.i for a in n.attribute}
        codes = weights[n.input[1]].reshape(sizes["N"], -1)
        codes = np.stack([codes & 15, codes >> 4], -1).reshape(sizes["N"], -1, sizes["block_size"]).astype(np.float32)
        values = ((codes - 8) * weights[n.input[2]].reshape(sizes["N"], -1, 1)).reshape(sizes["N"], -1)[:, :sizes["K"]]
        path = n.name.rsplit("/", 1)[0].strip("/").replace("/", ".").replace(".attn.", ".self_attn.")
        parts = [path] if not path.endswith("qkv_proj") else [path[:-len("qkv_proj")] + p for p in ("q_proj", "k_proj", "v_proj")]
        rows = np.cumsum([modules[p].weight.shape[0] for p in parts])[:-1]
        for part, value in zip(parts, np.split(values, rows)):
            modules[part].weight.data.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def int4(model, folder):
    build(model, "int4", folder)
    decode(model, folder)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    for name in ("genai_fp32", "genai_int4"):
        (out / name).mkdir(parents=True, exist_ok=True)

    llama = random(LlamaForCausalLM(LlamaConfig(**SMALL)))
    build(llama, "fp32", out / "genai_fp32")
    golden(llama, out / "genai_fp32")

    folder = out / "genai_int4"
    qwen3 = random(Qwen3ForCausalLM(Qwen3Config(**SMALL)), lambda model: int4(model, folder), margin=0.2)
    int4(qwen3, folder)
    golden(qwen3, folder)
