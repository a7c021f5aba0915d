#!/usr/bin/env python3
"""Makes golden/loglikelihood: tasks, and what lm-evaluation-harness's own HFLM says of them for tales-4m and a Llama that has BOS.

    python scripts/golden/make_loglikelihoods.py

In float32 on a CPU, a line at a time. Choices are picked and averaged by the harness's own lines (lm_eval/api/task.py, process_results;
lm_eval/api/metrics.py, mean_stderr). Needs: lm_eval 0.4.13, torch, transformers.
"""

import json
import os
import pathlib
import shutil
import tempfile

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import lm_eval  # noqa: E402
import numpy as np  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.api.metrics import mean_stderr  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

root = pathlib.Path(__file__).resolve().parents[2]
tests = root / "inspector-core/src/test/resources"
out = tests / "golden/loglikelihood"

STORY = "Once upon a time, there was a little girl named Lily. She loved to play in the garden with her cat."
LONG = " ".join([STORY] * 60)
TASKS = [
    {"context": "Once upon a time", "continuation": ", there was a"},
    {"context": "Once upon a time,", "continuation": " there was a little girl", "id": "girl"},
    {"context": "Once upon a time, ", "continuation": "there was a little boy"},
    {"context": "Once upon a time, there  \n ", "continuation": "was a dog."},
    {"context": STORY, "continuation": " One day,"},
    {"context": STORY, "continuation": " One day, the cat was gone."},
    {"context": "", "continuation": "Once upon a time"},
    {"context": "", "continuation": "The cat"},
    {"context": "  ", "continuation": "The cat"},
    {"context": "The little do", "continuation": "g ran to the gar"},
    {"context": "Karl said: \"", "continuation": "Caf\u00e9 na\u00efve, \u4f60\u597d \U0001f431!\""},
    {"context": "He was very", "continuation": " happy"},
    {"context": LONG, "continuation": " One day, the cat was gone."},
    {"context": LONG[:-1], "continuation": "."},
    {"context": "x", "continuation": STORY},
    {"context": "The cat sat on the", "choices": [" mat", " sky", " idea", " girl"], "answer": 0},
    {"context": "The cat sat on the", "choices": ["mat", "tree", "a very long answer that is not right"], "answer": 1, "target_delimiter": " "},
    {"context": "Lily was sad because she lost her", "choices": ["cat", "caf\u00e9", "\u4f60\u597d"], "answer": 0, "target_delimiter": " "},
    {"context": "She loved to", "choices": [" play", " play in the garden", " go"], "answer": 1},
    {"context": "They went", "choices": [" home", " home."], "answer": 1},
    {"context": "", "choices": ["The dog", "Once upon", "Zebra"], "answer": 1},
    {"context": "Mum gave him a ", "choices": ["hug", "car", "\u00e9"], "answer": 0},
    {"context": LONG, "choices": [" One day, they", " The end.", " One"], "answer": 2},
    {"context": "It was", "choices": [" a sunny day", " dark", " xyz"], "answer": 0, "id": 7},
]

TOKENS = {
    "tales-4m": {"bos_token": "<|begin|>", "eos_token": "<|end|>"},
    "tiny-text": {"bos_token": "<s>", "eos_token": "</s>"},
}


def tales(folder):
    shutil.copytree(root / "model-cache/tales-4m", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("sweep", "checkpoints"))


def tiny_text(folder):
    """As TextModel of the tests: the golden llama with a tokenizer of the same vocabulary."""
    for source in ("golden/hf/llama", "tokenizers/spm"):
        for file in (tests / source).iterdir():
            if not file.name.startswith("golden"):
                shutil.copy(file, folder)


def choices(task):
    return [task["continuation"]] if "continuation" in task else task["choices"]


def evaluate(name, folder, tasks):
    # tokenizer.json as it is: transformers 5 makes a LlamaTokenizer of it that splits spaces at the beginning otherwise.
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(pathlib.Path(folder, "tokenizer.json")), **TOKENS[name])
    model = HFLM(pretrained=str(folder), tokenizer=tokenizer, dtype="float32", device="cpu", batch_size=1)
    lines = []
    for task in tasks:
        pairs = [(task["context"], task.get("target_delimiter", "") + c) for c in choices(task)]
        said = model.loglikelihood([Instance("loglikelihood", task, pair, i) for i, pair in enumerate(pairs)], disable_tqdm=True)
        line = {"logprob": [s[0] for s in said], "greedy": [s[1] for s in said]}
        line["tokens"] = [len(model._encode_pair(*p)[1]) if p[0].strip() else None for p in pairs]
        if "choices" in task:
            lls = np.array(line["logprob"])
            line["by_logprob"] = int(np.argmax(lls))
            line["by_characters"] = int(np.argmax(lls / np.array([float(len(c)) for c in task["choices"]])))
            line["by_bytes"] = int(np.argmax(lls / np.array([float(len(c.encode())) for c in task["choices"]])))
        lines.append(line)
    golden = {"max_length": model.max_length, "lines": lines}
    for metric, picked in (("acc", "by_logprob"), ("acc_norm", "by_characters"), ("acc_bytes", "by_bytes")):
        right = [float(line[picked] == t["answer"]) for t, line in zip(tasks, lines, strict=True) if "choices" in t]
        golden[metric] = [float(np.mean(right)), mean_stderr(right)]
    greedy = [float(line["greedy"][0]) for t, line in zip(tasks, lines, strict=True) if "continuation" in t]
    golden["greedy"] = [float(np.mean(greedy)), mean_stderr(greedy)]
    logprob = [line["logprob"][0] for t, line in zip(tasks, lines, strict=True) if "continuation" in t]
    golden["logprob"] = [float(np.mean(logprob)), mean_stderr(logprob)]
    return golden


def main():
    out.mkdir(exist_ok=True)
    (out / "tasks.jsonl").write_text("".join(json.dumps(t) + "\n" for t in TASKS))
    golden = {"lm_eval": lm_eval.__version__}
    for name, make in (("tales-4m", tales), ("tiny-text", tiny_text)):
        with tempfile.TemporaryDirectory() as scratch:
            make(pathlib.Path(scratch))
            golden[name] = evaluate(name, scratch, TASKS)
    (out / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
