"""The models that the harness is run on, and the files that decide what they say."""

import pathlib

import evaluation

root = pathlib.Path(__file__).resolve().parents[2]
resources = root / "inspector-core/src/test/resources"
words = [resources / "tokenizers/spm" / f for f in ("tokenizer.json", "tokenizer_config.json")]


def tales(name):
    folder = root / "model-cache" / name
    return [folder / f for f in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")]


FILES = {
    "tiny-llama": [resources / "golden/hf/llama" / f for f in ("model.safetensors", "config.json")] + words,
    "tales-4m": tales("tales-4m"),
    "tales-4m-instruct": tales("tales-4m-instruct"),
    "tiny64-Q4_0": [resources / "golden/gguf/types/tiny64-Q4_0.gguf"],
    "exported-words": [resources / "golden/onnx/llama" / f for f in ("model.onnx", "config.json")] + words,
}

# Those that go on from a conversation. The harness (0.4.13) cannot score one through a remote tokenizer.
CHAT = {"tales-4m-instruct"}
TASKS = {name: ["go_on"] if name in CHAT else ["choose", "roll"] for name in FILES}

# Before a rolling text stands BOS, which the harness takes for none where its id is 0.
PREFIX = {"tales-4m": 0, "tales-4m-instruct": 0}


def length(name):
    return 64 if name == "exported-words" else evaluation.LENGTH
