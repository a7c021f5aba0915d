#!/usr/bin/env python3
"""Writes the cards (README.md) of the models that ship, from their recipe.json, config.json and loss.csv.

    scripts/cards.py model-cache/tales-2m --exam exam.txt --log train.log --corpus stats.txt

What a file has to be given for stays as the card has it when the file is not given:
  --exam    what `scripts/inspector exam` printed
  --log     what `scripts/inspector train` printed, for the time it took
  --corpus  what `scripts/inspector tales --stats --tokenizer DIR` printed
"""

import argparse
import csv
import json
import pathlib
import re

ABOUT = {
    "pretrain": """A decoder of {millions:.2f} million parameters that tells short children's stories. It was trained from random
weights on this project's own corpus, and is the base of the instruct and preferred models beside it.""",
    "instruct": """The base model (`{base}`) after supervised fine-tuning: it answers questions about a story and tells a story
when asked for one. The loss was taken on the answers only.""",
    "prefer": """The instruct model (`{base}`) after direct preference optimization (DPO, beta {beta}): of two answers to a question it
was taught to prefer the true and short one, against a frozen copy of itself.""",
    "modular_addition": """A small model that learnt a + b modulo {modulus}: it memorised the training pairs first, and generalised long after.""",
}
DATA = {
    "pretrain": """`tales`, seed {corpus_seed}: stories written by this project's generator (`org.llminspector.train.tales`), each a function of
the seed, the split and its number. No text, word list or weight was copied from anywhere.
`scripts/inspector tales --stats` on the training split:""",
    "instruct": """`tales`, seed {corpus_seed}: conversations about stories. The first turn is a story and a question, the next are more questions
about it, as many as the context holds, each about another fact (who, what, where, how many, feeling, yes or no, magic
words, why), in several phrasings, in any order; 8 in 100 conversations are a request for a story. The stories are of
their own index range: none was in the base model's training text.""",
    "prefer": """`tales`, seed {corpus_seed}: a true answer beside a worse one: a wrong person, place, number or reason (five in nine), the answer
to another question (two in nine), or the true answer with rambling after it (two in nine).""",
    "modular_addition": "All pairs (a, b); a share of {train_share} for training, the rest held out.",
}
EXAM = """## What it can do

`scripts/inspector exam` on stories that it has not seen:

{exam}

Faultless means that a proofreader, which knows the tales' grammar and world and sees only the text, finds nothing: no unknown sentence,
no name that nobody has, no pronoun or article that is wrong, no thing, place, number or magic word that changes.
A head has a clear role when at least 0.4 of its attention goes there.

"""
LIMITS = """- It knows the tales' world of some hundred words, and nothing of the real one. It is there to be looked into.
- What the exam above says it gets wrong, it gets wrong: read the shares before you trust an answer.
- It reads {context} tokens at most."""
AGAIN = """Trained with `scripts/inspector train --config model-cache/recipes/{recipe} --out DIR --threads 1`. That sets
`ATEN_CPU_CAPABILITY=avx2` and `MKL_ENABLE_INSTRUCTIONS=AVX2`, with which any x86-64 with AVX2 gives the same losses.

"""
RECIPES = {"pretrain": "embedded.yaml", "instruct": "instruct.yaml", "prefer": "preferred.yaml", "modular_addition": "grokking.yaml"}


def indented(text):
    return "\n".join(("    " + line).rstrip() for line in text.strip("\n").splitlines())


def given(file, old, after):
    """The file's text, indented, or what the old card has: the first indented block after some words."""
    if file:
        return indented(file.read_text())
    kept = re.search(re.escape(after) + r"[^\n]*:\n\n((?: {4}[^\n]*\n|\n(?= {4}))+)", old)
    return kept.group(1).strip("\n") if kept else "    not measured"


def time(log, tokens, old):
    """How long the run took: the log's last line has the speed of the whole run."""
    if not log:
        kept = re.search(r"\| time \|.*\n", old)
        return kept.group(0) if kept else ""
    speed = float(re.findall(r"([\d,]+) tokens/s", log.read_text())[-1].replace(",", ""))
    return f"| time | {tokens / speed / 60:.0f} minutes with one thread, {speed:,.0f} tokens with a loss a second |\n"


def card(folder, files):
    recipe, config = (json.loads((folder / f"{name}.json").read_text()) for name in ("recipe", "config"))
    rows = list(csv.DictReader((folder / "loss.csv").open()))
    old = (folder / "README.md").read_text() if (folder / "README.md").exists() else ""
    task, adam, steps = recipe.get("task", "pretrain"), recipe["optimizer"], int(rows[-1]["step"])
    with (folder / "model.safetensors").open("rb") as f:
        tensors = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    tensors.pop("__metadata__", None)
    sizes = [t["data_offsets"][1] - t["data_offsets"][0] for t in tensors.values()]
    parameters = sum(sizes) // {"F32": 4}.get(next(iter(tensors.values()))["dtype"], 2)
    facts = dict(recipe, millions=parameters / 1e6, context=config["max_position_embeddings"], recipe=RECIPES[task])
    tokens, held = int(rows[-1]["tokens"]), [float(r["val_loss"]) for r in rows if r["val_loss"]]
    unit = "pairs" if task == "prefer" else "conversations" if task == "instruct" else "sequences"
    text = f"# {recipe['name']}\n\n{ABOUT[task].format(**facts)}\n\n| | |\n|---|---|\n"
    text += f"| shape | Llama: {config['num_hidden_layers']} layers, width {config['hidden_size']}, {config['num_attention_heads']} heads "
    text += f"({config['num_key_value_heads']} key/value), MLP {config['intermediate_size']}, vocabulary {config['vocab_size']}, "
    text += f"context {facts['context']} |\n| parameters | {parameters:,}, {recipe['dtype'].upper()} |\n"
    text += f"| steps | {steps:,} updates of {recipe['batch']} {unit}, {tokens:,} tokens with a loss |\n{time(files.log, tokens, old)}"
    text += f"| optimizer | {adam['kind']}, betas {adam['beta1']} and {adam['beta2']}, weight decay {adam['weight_decay']}; learning rate "
    text += f"{recipe['learning_rate']} to {recipe['min_learning_rate']}, {recipe['warmup_steps']} steps of warm-up |\n"
    text += f"| loss | {held[0]:.4f} held out before, {held[-1]:.4f} after |\n"
    if rows[-1].get("val_accuracy") and task != "pretrain":
        text += f"| right | {float(rows[0]['val_accuracy']):.1%} of held-out {'pairs' if task == 'prefer' else 'answer tokens'} before, "
        text = text.replace("answer tokens", "sums") if task == "modular_addition" else text
        text += f"{float(rows[-1]['val_accuracy']):.1%} after |\n"
    kept = sorted(int(p.name[5:]) for p in folder.glob("checkpoints/step-*"))
    text += f"| kept states | {', '.join(f'{k:,}' for k in kept)}: `{folder.name}@STEP` opens one |\n" if kept else ""
    text += f"\n{AGAIN.format(**facts)}## Data\n\n{DATA[task].format(**facts)}\n\n"
    if task == "pretrain":
        text += given(files.corpus, old, "inspector tales --stats` on the training split") + "\n\n"
    if task != "modular_addition":
        text += EXAM.format(exam=given(files.exam, old, "on stories that it has not seen"))
    limits = "- It knows nothing else: its tokens are numbers." if task == "modular_addition" else LIMITS.format(**facts)
    return f"{text}## Limits\n\n{limits}\n\n## Licence\n\nApache-2.0, like the project. Recipe: `recipe.json`; curve: `loss.csv`.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    for name in ("--exam", "--log", "--corpus"):
        parser.add_argument(name, type=pathlib.Path)
    args = parser.parse_args()
    text = card(args.folder, args)
    (args.folder / "README.md").write_text(text)


if __name__ == "__main__":
    main()
