#!/usr/bin/env python3
"""Writes the card (README.md) of a model that ships, from its recipe.json, config.json, loss.csv and weights.

    scripts/cards.py model-cache/tales-2m --exam exam.txt --log train.log --corpus stats.txt

What a file has to be given for stays as the card has it when the file is not given:
  --exam    what `scripts/inspector exam` printed
  --log     what `scripts/inspector train` printed, for the time it took
  --corpus  what `scripts/inspector tales --stats --tokenizer DIR` printed
"""

import argparse
import csv
import json
import math
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
RECIPES = dict(pretrain="embedded.yaml", instruct="instruct.yaml", prefer="preferred.yaml", modular_addition="grokking.yaml")


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


def shape(folder, recipe, config):
    with (folder / "model.safetensors").open("rb") as f:
        tensors = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    tensors.pop("__metadata__", None)
    parameters = sum(math.prod(t["shape"]) for t in tensors.values())
    heads = f"{config['num_attention_heads']} heads ({config['num_key_value_heads']} key/value)"
    size = f"{config['num_hidden_layers']} layers, width {config['hidden_size']}, {heads}, MLP {config['intermediate_size']}"
    rest = f"vocabulary {config['vocab_size']}, context {config['max_position_embeddings']}"
    return parameters, f"| shape | Llama: {size}, {rest} |\n| parameters | {parameters:,}, {recipe['dtype'].upper()} |\n"


def training(recipe, task, rows, time):
    unit = {"prefer": "pairs", "instruct": "conversations"}.get(task, "sequences")
    o, steps, tokens = recipe["optimizer"], int(rows[-1]["step"]), int(rows[-1]["tokens"])
    yield f"| steps | {steps:,} updates of {recipe['batch']} {unit}, {tokens:,} tokens with a loss |\n{time}"
    yield f"| optimizer | {o['kind']}, betas {o['beta1']} and {o['beta2']}, weight decay {o['weight_decay']}; learning rate "
    yield f"{recipe['learning_rate']} to {recipe['min_learning_rate']}, {recipe['warmup_steps']} steps of warm-up |\n"
    held = [float(r["val_loss"]) for r in rows if r["val_loss"]]
    yield f"| loss | {held[0]:.4f} held out before, {held[-1]:.4f} after |\n"
    if task != "pretrain":
        what = {"prefer": "pairs more in favour of the better answer than before", "instruct": "answer tokens"}.get(task, "sums")
        yield f"| right | {100 * float(rows[-1]['val_accuracy']):.1f} % of held-out {what} |\n"


def card(folder, files):
    recipe, config = (json.loads((folder / f"{name}.json").read_text()) for name in ("recipe", "config"))
    rows = list(csv.DictReader((folder / "loss.csv").open()))
    old = (folder / "README.md").read_text() if (folder / "README.md").exists() else ""
    task = recipe.get("task", "pretrain")
    parameters, table = shape(folder, recipe, config)
    table += "".join(training(recipe, task, rows, time(files.log, int(rows[-1]["tokens"]), old)))
    kept = sorted(int(p.name[5:]) for p in folder.glob("checkpoints/step-*"))
    table += f"| kept states | {', '.join(f'{k:,}' for k in kept)}: `{folder.name}@STEP` opens one |\n" if kept else ""
    facts = dict(recipe, millions=parameters / 1e6, context=config["max_position_embeddings"], recipe=RECIPES[task])
    text = f"# {recipe['name']}\n\n{ABOUT[task]}\n\n| | |\n|---|---|\n".format(**facts) + table
    text += f"\n{AGAIN}## Data\n\n{DATA[task]}\n\n".format(**facts)
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
    (args.folder / "README.md").write_text(card(args.folder, args))


if __name__ == "__main__":
    main()
