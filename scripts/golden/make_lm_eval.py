#!/usr/bin/env python3
"""Makes scripts/harness/golden.json: what lm-evaluation-harness says of the tests' models through transformers (its `hf`).

    python scripts/golden/make_lm_eval.py

Of each model the hash of its files, so that the golden cannot outlive them, and of each task every request's answer and the
metrics, in float32 on a CPU. The harness adds BOS by itself with `hf` and does not with an interface: here it does not.
Needs: lm_eval of the version that scripts/test names; torch, transformers, gguf, sentencepiece.
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "scripts/harness"))

import evaluation  # noqa: E402
import models  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM  # noqa: E402


def tiny_llama(folder):
    for file in models.FILES["tiny-llama"]:
        shutil.copy(file, folder)
    return {}


def tales(name):
    def copy(folder):
        shutil.copytree(root / "model-cache" / name, folder, dirs_exist_ok=True)
        return {}

    return copy


def blocks(folder):
    """The GGUF file's own weights, decoded by gguf-py, and its own tokenizer."""
    file = models.FILES["tiny64-Q4_0"][0]
    shutil.copy(file, folder)
    return {"gguf_file": file.name}


def exported(folder):
    """The Llama that make_onnx.py exported, made again; its golden shows that it is the same."""
    golden = load_file(root / "inspector-core/src/test/resources/golden/onnx/llama.golden.safetensors")
    config = LlamaConfig.from_pretrained(models.FILES["exported-words"][0].parent, attn_implementation="eager")
    model = LlamaForCausalLM(config).eval()
    for seed in range(1000):
        torch.manual_seed(seed)
        with torch.no_grad():
            for name, p in model.named_parameters():  # as make_onnx.py draws them
                norm = p.dim() == 1 and name.endswith("weight")
                p.normal_(1 if norm else 0, 0.1 if p.dim() == 1 else 1.5 / p.shape[-1] ** 0.5)
            ids = golden["input_ids"]
            if torch.allclose(model(ids.long().reshape(1, -1)).logits[0], golden["logits"].reshape(ids.numel(), -1), atol=1e-4):
                break
    else:
        raise SystemExit("no seed gives the exported model")
    model.save_pretrained(folder)
    for file in models.FILES["exported-words"][1:]:
        shutil.copy(file, folder)
    return {}


MAKERS = {
    "tiny-llama": tiny_llama,
    "tales-4m": tales("tales-4m"),
    "tales-4m-instruct": tales("tales-4m-instruct"),
    "tiny64-Q4_0": blocks,
    "exported-words": exported,
}


def main():
    golden = {"models": {}}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HF_HOME"] = f"{scratch}/home"
        tasks = pathlib.Path(scratch, "tasks")
        tasks.mkdir()
        golden["documents"] = evaluation.write(tasks)
        for name, make in MAKERS.items():
            folder = pathlib.Path(scratch, name)
            folder.mkdir()
            more = make(folder)
            arguments = {"pretrained": str(folder), "dtype": "float32", "max_length": models.length(name) - 2,
                         "add_bos_token": False, "prefix_token_id": models.PREFIX.get(name), **more}
            chat = name in models.CHAT
            said = evaluation.evaluate(tasks, "hf", arguments, models.TASKS[name], samples=not chat, device="cpu",
                                       batch_size=1, apply_chat_template=chat)
            golden["models"][name] = {"sha256": evaluation.digest(models.FILES[name]), "tasks": said}
            print(name, {task: t["metrics"] for task, t in said.items()})
    (root / "scripts/harness/golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
