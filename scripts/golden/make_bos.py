#!/usr/bin/env python3
"""Makes the goldens of what AutoTokenizer adds around a text.

    python scripts/golden/make_bos.py inspector-core/src/test/resources/tokenizers

Every case is one of the two tokenizers of make_tokenizers.py with another post_processor and tokenizer_config.json
(add_bos_token, add_eos_token, legacy, tokenizer_class). transformers 5 takes what is around a text from tokenizer.json
alone: tokenization_utils_base.py drops both flags where there is one. "rebuilt" says that the class made its own
pre_tokenizer, so that only what is around the text is that of the file. Needs: transformers.
"""

import json
import sys
import tempfile
from pathlib import Path

import transformers
from transformers import AutoTokenizer

transformers.logging.set_verbosity_error()

TEXTS = ["the", " the  machine", "", "<s>the</s>the <think>the", "caf\u00e9 \U0001f600\n"]
CLASSES = [
    ("spm", "LlamaTokenizer", "llama"),
    ("spm", "LlamaTokenizerFast", "mistral"),
    ("spm", "PreTrainedTokenizerFast", "llama"),
    ("spm", "GemmaTokenizer", "gemma"),
    ("spm", None, "llama"),
    ("bytelevel", "GPT2Tokenizer", "gpt2"),
    ("bytelevel", "Qwen2Tokenizer", "qwen2"),
    ("bytelevel", "GPTNeoXTokenizer", "gpt_neox"),
    ("bytelevel", "PreTrainedTokenizerFast", "llama"),
]
FLAGS = [{}, {"add_bos_token": True}, {"add_bos_token": False}, {"add_eos_token": True}, {"add_bos_token": True, "add_eos_token": True},
         {"add_bos_token": None}, {"legacy": True}, {"legacy": False}]


def template(bos, eos):
    """A post_processor that adds these (id, name), or None."""
    around = [{"SpecialToken": {"id": t[1], "type_id": 0}} if t else None for t in (bos, eos)]
    single = [p for p in (around[0], {"Sequence": {"id": "A", "type_id": 0}}, around[1]) if p]
    specials = {t[1]: {"id": t[1], "ids": [t[0]], "tokens": [t[1]]} for t in (bos, eos) if t}
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials}


def around(ids, plain):
    """What stands before and after the text's own ids."""
    at = next(i for i in range(len(ids) + 1) if ids[i : i + len(plain)] == plain)
    return [ids[:at], ids[at + len(plain) :]]


def main(out):
    cases = []
    for base, cls, model_type in CLASSES:
        bos, eos = ((1, "<s>"), (2, "</s>")) if base == "spm" else ((398, "<|endoftext|>"),) * 2
        posts = {"file": "file", "none": None, "bos": template(bos, None), "eos": template(None, eos), "both": template(bos, eos)}
        for post in posts.values():
            for flags in FLAGS:
                with tempfile.TemporaryDirectory() as d:
                    folder = Path(d)
                    tokenizer = json.loads((out / base / "tokenizer.json").read_text())
                    if post != "file":
                        tokenizer["post_processor"] = post
                    config = {"bos_token": bos[1], "eos_token": eos[1], "unk_token": "<unk>" if base == "spm" else bos[1], **flags}
                    if cls:
                        config["tokenizer_class"] = cls
                    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
                    (folder / "tokenizer_config.json").write_text(json.dumps(config))
                    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
                    loaded = AutoTokenizer.from_pretrained(folder)
                    backend = json.loads(loaded.backend_tokenizer.to_str())
                    rebuilt = any(backend[k] != tokenizer[k] for k in ("normalizer", "pre_tokenizer"))
                    ids = [loaded.encode(t) for t in TEXTS]
                    plain = [loaded.encode(t, add_special_tokens=False) for t in TEXTS]
                case = {"base": base, "post_processor": post, "config": config, "rebuilt": rebuilt, "ids": ids}
                case["around"] = [around(i, p) for i, p in zip(ids, plain)]
                cases.append(case)
    golden = {"transformers": transformers.__version__, "texts": TEXTS, "cases": cases}
    (out / "bos.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(cases), sum(c["rebuilt"] for c in cases))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
