"""Makes GGUF files for llama.cpp: F32, Q8_0 and Q4_0, as llama.cpp's own quantizer makes them by default.

usage: make_gguf.py MODEL FOLDER     writes FOLDER/f32.gguf, q8_0.gguf, q4_0.gguf

MODEL is the benchmark's Llama in Hugging Face layout, or a GGUF file (which is decoded to F32 first).
"""

import json
import os
import pathlib
import sys

import gguf
import llama_cpp
import numpy as np
from forward import read_safetensors

NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def interleave(rows, heads):
    """llama.cpp turns neighbouring dimensions, Hugging Face halves of a head."""
    return rows.reshape(heads, 2, -1, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def write_f32(folder, path):
    c = json.loads((folder / "config.json").read_text())
    w = {name: tensor.numpy() for name, tensor in read_safetensors(folder / "model.safetensors").items()}
    out = gguf.GGUFWriter(path, "llama")
    out.add_context_length(c["max_position_embeddings"])
    out.add_embedding_length(c["hidden_size"])
    out.add_block_count(c["num_hidden_layers"])
    out.add_feed_forward_length(c["intermediate_size"])
    out.add_head_count(c["num_attention_heads"])
    out.add_head_count_kv(c["num_key_value_heads"])
    out.add_rope_dimension_count(c["head_dim"])
    out.add_rope_freq_base(c["rope_theta"])
    out.add_layer_norm_rms_eps(c["rms_norm_eps"])
    out.add_vocab_size(c["vocab_size"])
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    # The weights are random and so are the tokens: no text is needed.
    out.add_tokenizer_model("none")
    out.add_tensor("token_embd.weight", w["model.embed_tokens.weight"])
    out.add_tensor("output_norm.weight", w["model.norm.weight"])
    for i in range(c["num_hidden_layers"]):
        for theirs, name in NAMES.items():
            tensor = w[f"model.layers.{i}.{theirs}.weight"]
            if theirs.endswith("q_proj"):
                tensor = interleave(tensor, c["num_attention_heads"])
            if theirs.endswith("k_proj"):
                tensor = interleave(tensor, c["num_key_value_heads"])
            out.add_tensor(f"blk.{i}.{name}.weight", np.ascontiguousarray(tensor))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def quantize(source, target, kind):
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = kind
    params.nthread = os.cpu_count()
    params.allow_requantize = True
    code = llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), params)
    assert code == 0, f"llama.cpp's quantizer said {code} to {target}"


def main(model, folder):
    model, folder = pathlib.Path(model), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    f32 = folder / "f32.gguf"
    if model.is_dir():
        write_f32(model, f32)
    else:
        quantize(model, f32, llama_cpp.LLAMA_FTYPE_ALL_F32)
    quantize(f32, folder / "q8_0.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0)
    quantize(f32, folder / "q4_0.gguf", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0)


if __name__ == "__main__":
    main(*sys.argv[1:])
