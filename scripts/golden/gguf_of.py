"""Converts the families' goldens to GGUF (F32) with llama.cpp's own converter.

    python scripts/golden/gguf_of.py LLAMA_CPP OUT [--from FOLDER] [--heads HEADS] [family ...]

LLAMA_CPP is a checkout of llama.cpp (or vendor/llama.cpp of llama-cpp-python's source), OUT a folder, FOLDER that of other models than
the goldens (gguf_shapes.py). HEADS gets of each file what the tests (ConvertedGguf) make it from again: the length of all before the
data (int32), that, and for each tensor in the file's order a number (float64) that shows whether its values are the file's: the sum
of value i times (7919 i mod 1000) / 1000. Needs torch, transformers,
safetensors and PyYAML. The goldens have no tokenizer: the files get tokenizer.ggml.model = "none" and the key vocab_size.

A golden's config.json is transformers' own form; the converter reads the published models' forms. What the two name differently is
in PUBLISHED; numbers are the golden's throughout.
"""

import json
import logging
import re
import shutil
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np

FAMILIES = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden/families"


def kimi(c):
    full = [i + 1 for i, t in enumerate(c["layer_types"]) if t == "full_attention"]
    linear = {"full_attn_layers": full, "short_conv_kernel_size": c["linear_conv_kernel_dim"], "head_dim": c["linear_head_dim"]}
    return {"linear_attn_config": linear, "first_k_dense_replace": c["mlp_layer_types"].index("sparse"),
            "moe_router_activation_func": "sigmoid"}


def hunyuan(c):
    layers = c["num_hidden_layers"]
    return {"moe_intermediate_size": [c["intermediate_size"]] * layers, "moe_topk": [c["moe_topk"]] * layers,
            "num_shared_expert": [1] * layers}


def mimo(c):
    rope = c["rope_parameters"]
    same = ["num_attention_heads", "head_dim", "v_head_dim"]
    return {**{"swa_" + k: c[k] for k in same}, "swa_num_key_value_heads": 2 * c["num_key_value_heads"], "rope_parameters": {},
            "topk_method": "noaux_tc", "scoring_func": "sigmoid",
            "rope_theta": rope["full_attention"]["rope_theta"], "swa_rope_theta": rope["sliding_attention"]["rope_theta"],
            "partial_rotary_factor": rope["full_attention"]["partial_rotary_factor"], "layernorm_epsilon": c["rms_norm_eps"],
            "hybrid_layer_pattern": [int(t == "sliding_attention") for t in c["layer_types"]]}


def sparse_from(c):
    return {"first_k_dense_replace": c["mlp_layer_types"].index("sparse"), "scoring_func": "sigmoid"}


PUBLISHED = {
    "kimi_linear": kimi,
    "hunyuan_v1_moe": hunyuan,
    "mimo_v2_flash": mimo,
    "exaone_moe": sparse_from,
    "glm4_moe_lite": sparse_from,
    "afmoe": lambda c: {"route_norm": True, "score_func": "sigmoid"},
    "bamba": lambda c: {"attn_rotary_emb": int(c["hidden_size"] // c["num_attention_heads"] * c["rope_parameters"]["partial_rotary_factor"])},
    "phimoe": lambda c: {"architectures": ["PhiMoEForCausalLM"],
                         "rope_parameters": {**c["rope_parameters"], "original_max_position_embeddings": c["max_position_embeddings"]}},
    "dots1": lambda c: {"scoring_func": "sigmoid"},
    "deepseek_v3": lambda c: {"scoring_func": "sigmoid"},
    "minimax_m2": lambda c: {"scoring_func": "sigmoid", "rotary_dim": c["rotary_dim"] if "rotary_dim" in c else c["head_dim"]},
    "glm": lambda c: {"layernorm_epsilon": c["rms_norm_eps"], "seq_length": c["max_position_embeddings"]},
    "granitemoehybrid": lambda c: {"layer_types": ["mamba" if "linear" in t else "attention" for t in c["layer_types"]]},
    "nemotron_h": lambda c: {"rms_norm_eps": c["layer_norm_epsilon"]},
    "cohere2": lambda c: {"rotary_pct": 1.0},
}


def published_name(family, name):
    """Name that the converter knows for a tensor that transformers' model names otherwise."""
    dense = family == "kimi_linear" and re.fullmatch(r"(.*)block_sparse_moe\.((gate|up|down)_proj\.weight)", name)
    return f"{dense[1]}mlp.{dense[2]}" if dense else name


def convert(conversion, gguf, source, out, work):
    family = source.name
    folder = work / family
    shutil.copytree(source, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config.update(PUBLISHED.get(family, lambda c: {})(config))
    (folder / "config.json").write_text(json.dumps(config))  # which some converters read themselves
    # Gemma's converter counts a tokenizer's pieces.
    pieces = {"model": {"vocab": {str(i): i for i in range(config["vocab_size"])}}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(pieces))
    base = conversion.base
    base.ModelBase.load_hparams = staticmethod(lambda *_, **__: json.loads(json.dumps(config)))
    cls = conversion.get_model_class(config["architectures"][0])
    cls = getattr(cls, "Ministral3Model", cls)

    def no_vocabulary(self):
        self.gguf_writer.add_tokenizer_model("none")
        self.gguf_writer.add_vocab_size(config["vocab_size"])

    def renamed(self, *args, **kwargs):
        tensors = cls.index_tensors(self, *args, **kwargs)
        return {published_name(family, name): load for name, load in tensors.items()}

    def __init__(self, *args, **kwargs):
        if family != "gemma3n":
            return cls.__init__(self, *args, **kwargs)
        super(cls, self).__init__(*args, **kwargs)  # which is for any number of forms; cls's own asserts the published four
        self._altup_proj, self._altup_unembd = ([base.torch.Tensor()] * (config["altup_num_inputs"] - 1) for _ in range(2))

    plain = type(cls.__name__, (cls,), {"__init__": __init__, "model_arch": cls.model_arch, "set_vocab": no_vocabulary, "no_mtp": True,
                                        "index_tensors": renamed})
    model = plain(folder, gguf.LlamaFileType.ALL_F32, out / (family + ".gguf"), model_name=family)
    model.write()


def head(gguf, file, to):
    reader = gguf.GGUFReader(file)
    start = min(t.data_offset for t in reader.tensors)
    raw = file.read_bytes()[:start]
    marks = []
    for t in reader.tensors:
        values = t.data.astype(np.float64).reshape(-1)
        marks.append(float((values * (np.arange(values.size) * 7919 % 1000 / 1000)).sum()))
    to.write_bytes(struct.pack("<i", len(raw)) + raw + struct.pack(f"<{len(marks)}d", *marks))


def main():
    args = sys.argv[1:]
    folders = {"--from": FAMILIES, "--heads": None}
    for option in folders:
        if option in args:
            at = args.index(option)
            folders[option] = Path(args[at + 1])
            del args[at : at + 2]
    root, heads = folders.values()
    llama_cpp, out, families = Path(args[0]), Path(args[1]), args[2:]
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    import conversion
    import conversion.base
    import gguf

    logging.getLogger().setLevel(logging.ERROR)
    out.mkdir(parents=True, exist_ok=True)
    for family in families or sorted(f.name for f in root.iterdir()):
        try:
            with tempfile.TemporaryDirectory() as work:
                convert(conversion, gguf, root / family, out, Path(work))
            if heads:
                head(gguf, out / (family + ".gguf"), heads / (family + ".head"))
            print(family, (out / (family + ".gguf")).stat().st_size)
        except Exception as e:
            print(family, "-", type(e).__name__, str(e)[:300])


if __name__ == "__main__":
    main()
