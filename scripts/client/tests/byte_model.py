"""Makes a model with a tokenizer out of a golden one without: one token a byte, so that any text is a prompt.

usage: byte_model.py GOLDEN OUT

GOLDEN is a model whose vocabulary holds the 256 bytes and its end-of-text token.
"""

import json
import pathlib
import shutil
import sys

END = "<|endoftext|>"


def byte_letters():
    """The printable stand-in of each byte in byte-level BPE (GPT-2's bytes_to_unicode)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


def main(golden, out):
    golden, out = pathlib.Path(golden), pathlib.Path(out)
    config = json.loads((golden / "config.json").read_text())
    end = config["eos_token_id"]
    if config["vocab_size"] < 257 or not 0 <= end <= 256:
        sys.exit(f"{golden}: the vocabulary of {config['vocab_size']} cannot hold 256 bytes and end-of-text {end}")
    ids = [i for i in range(257) if i != end]
    out.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(golden / name, out / name)
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": end, "content": END, **special}],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {**dict(zip(byte_letters(), ids)), END: end},
            "merges": [],
        },
    }
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
