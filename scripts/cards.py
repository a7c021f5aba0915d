#!/usr/bin/env python3
"""Writes the card (README.md) of a model that ships, from its recipe.json, config.json, loss.csv and weights.

    scripts/cards.py model-cache/tales-4m --evaluation evaluation.txt --log train.log --corpus stats.txt

The three are what `inspector evaluate --tell 30`, `inspector train` and `inspector tales --stats --tokenizer DIR` printed. What
is not given stays as the card has it.
"""

import argparse
import csv
import json
import math
import pathlib
import re

ABOUT = {
    "pretrain": """A decoder of {millions:.2f} million parameters that tells short children's stories. It was trained from random
weights on this project's own corpus, and is the base of the instruct and preferred models next to it.""",
    "instruct": """The base model (`{base}`) after supervised fine-tuning: it answers questions about a story and tells a story
when asked for one. The loss was taken on the answers only.""",
    "prefer": """The instruct model (`{base}`) after direct preference optimization (DPO, beta {beta}): of two answers to
a question it was taught to prefer the true and short one, and of two sentences of its own the one that a proofreader finds no
fault in, against a frozen copy of itself.""",
    "modular_addition": """A small model that learnt a + b modulo {modulus}: it memorised the training pairs first, and generalised long after.""",
}
DATA = {
    "pretrain": """`tales`, seed {corpus_seed}: stories written by this project's generator (`org.llminspector.tales`), each a function of
the seed, the split and its number. No text, word list or weight was copied from anywhere. For a while, documents between the
stories are games in which words are said again (`CopyingDrills`): from stories alone no head learnt to copy. In the second stage
(mid-training, from update {midtraining[0][from]:,}) they are quizzes (`Quiz`): who is what, is it so or not, and questions about a
story with their answers. From stories alone it never learnt whose kind a kind is.
In the third (from {midtraining[1][from]:,}) they are drills (`DrillMixture`): who met whom where, who gave what, how many, alone first, then in
sentences, then in stories. From {midtraining[2][from]:,} on it reads next to nothing but stories again; from
{midtraining[3][from]:,} on some drills stand between them, and it is taught all that the generator could have written (`WordAlternatives`): where a name, a place
or another word was drawn from several, each of them is the target, in equal parts.
`scripts/inspector tales --stats` on the training split:""",
    "instruct": """`tales`, seed {corpus_seed}: conversations about stories. The first turn is a story and a question, the next are more questions
about it, as many as the context holds, each about another fact (who, what, where, how many, feeling, yes or no, magic
words, why), in several phrasings, in any order; 8 in 100 are a request for a story. The base model did not see these stories. With
each {batch} conversations it reads {rehearsal} documents like its base's last ones, some of them about who found how many (`FoundCountDrill`).""",
    "prefer": """`tales`, seed {corpus_seed}: a true answer and a worse one: a wrong person, place, number or reason (five in nine), the answer
to another question (two in nine), or the true answer with rambling after it (two in nine). With each {batch} such pairs go
{rejected_samples} rejected samples: the instruct model tells stories (temperature 1), the proofreader stops it at the first sentence with a fault, and
that sentence is paired with one that the model says there at another try, and that has none. Each update also reads {rehearsal} documents
like its base's last ones; their mean loss counts {rehearsal_weight:g} times.""",
    "modular_addition": "All pairs (a, b); a share of {train_share} for training, the rest held out.",
}
EVALUATION = """## What it can do

`scripts/inspector evaluate` on stories that it has not seen:

{evaluation}

Faultless means that a proofreader, which knows the tales' grammar and world and sees only the text, finds nothing: no unknown sentence,
no name that nobody has, no pronoun or article that is wrong, no thing, place, number or magic word that changes, no sum that is
wrong, and no answer at the end of the story that the story contradicts. Strictly it remembers more: nobody goes where he is already,
and each question at the end is about something that was told, and answered as it was.
A share of 400 questions is known to some one and a half points either way, one of 200 stories to two or three.
A head has a clear role when at least 0.4 of its attention goes there; a name mover's goes to where a name was said, from the
token before it is said again.

"""
TOLD = """## Thirty stories

As they came, none left out: the first paragraph was given, the rest is the model's, at temperature 0.8. After a number stand the
faults that the proofreader found.

{told}

"""
LIMITS = """- It knows the tales' world of less than a thousand words, and nothing of the real one. It is there to be looked into.
- What the evaluation above says it gets wrong, it gets wrong: read the shares before you trust an answer.
- It reads {context} tokens at most."""
AGAIN = """Trained with `{command}`. That sets
`ATEN_CPU_CAPABILITY=avx2` and `MKL_ENABLE_INSTRUCTIONS=AVX2`, so that CPUs with and without AVX-512 round alike.

"""
EXAMPLES = dict(pretrain="sequences", instruct="conversations", prefer="pairs", modular_addition="sequences")
RIGHT = dict(instruct="answer tokens", prefer="pairs more in favour of the better answer than before", modular_addition="sums")


def given(file, old, after):
    """The file's text, indented, or what the old card has: the first indented block after some words."""
    if file:
        table = file.read_text().partition("\n-- ")[0]
        return "\n".join(f"    {line}".rstrip() for line in table.strip("\n").splitlines())
    kept = re.search(re.escape(after) + r"[^\n]*:\n\n((?: {4}[^\n]*\n|\n(?= {4}))+)", old)
    return kept.group(1).strip("\n") if kept else "    not measured"


def time(log, tokens, old):
    """How long the run took: the log's last line has the speed of the whole run."""
    if not log:
        return "".join(re.findall(r"\| time \|.*\n", old))
    text = log.read_text()
    speed = float(re.findall(r"([\d,]+) tokens/s", text)[-1].replace(",", ""))
    threads = re.search(r"\d+ threads?", text)[0]
    return f"| time | {tokens / speed / 60:.0f} minutes with {threads}, {speed:,.0f} tokens with a loss per second |\n"


def falls(r):
    stages = zip(["first", "second", "third", "fourth", "fifth"], [r, *(r.get("midtraining") or [])])
    falling = [(name, stage["decay_steps"]) for name, stage in stages if stage.get("decay_steps")]
    if len(falling) > 1:
        (name, most), *later = falling
        parts = [f"the last {most:,} steps of the {name} stage", *(f"the last {n:,} of the {name}" for name, n in later)]
        return f" in {', '.join(parts[:-1])} and {parts[-1]}"
    return f" in the last {r['decay_steps']:,} steps" if r.get("decay_steps") else ""


def stories(file, old):
    """The evaluation's stories, indented, or what the old card has."""
    if file:
        parts = file.read_text().split("\n-- ")[1:]
        return "\n".join(f"    {line}".rstrip() for line in "\n".join("-- " + p.strip("\n") + "\n" for p in parts).splitlines())
    kept = re.search(r"proofreader found[^\n]*\n\n((?: {4}[^\n]*\n|\n(?= {4}))+)", old.partition("## Thirty stories")[2])
    return kept.group(1).strip("\n") if kept else "    not told"


def parameters(folder):
    with (folder / "model.safetensors").open("rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def command(folder):
    """How the model is made: what its recipe's file says in its second line."""
    recipe = folder.parent / "recipes" / f"{folder.name}.yaml"
    return recipe.read_text().splitlines()[1].removeprefix("#").strip() if recipe.exists() else ""


def card(folder, files):
    r, c = (json.loads((folder / f"{name}.json").read_text()) for name in ("recipe", "config"))
    rows = list(csv.DictReader((folder / "loss.csv").open()))
    old = (folder / "README.md").read_text() if (folder / "README.md").exists() else ""
    task, o, size, tokens = r.get("task", "pretrain"), r["optimizer"], parameters(folder), int(rows[-1]["tokens"])
    held = [float(row["val_loss"]) for row in rows if row["val_loss"]]
    table = f"""| | |
|---|---|
| shape | Llama: {c["num_hidden_layers"]} layers, width {c["hidden_size"]}, {c["num_attention_heads"]} heads ({c["num_key_value_heads"]} key/value), \
MLP {c["intermediate_size"]}, vocabulary {c["vocab_size"]}, context {c["max_position_embeddings"]} |
| parameters | {size:,}, {r["dtype"].upper()} |
| steps | {int(rows[-1]["step"]):,} updates of {r["batch"]} {EXAMPLES[task]}, {tokens:,} tokens with a loss |
{time(files.log, tokens, old)}| optimizer | {o["kind"]}, betas {o["beta1"]} and {o["beta2"]}, weight decay {o["weight_decay"]}; \
learning rate {r["learning_rate"]} to {r["min_learning_rate"]}{falls(r)}, {r["warmup_steps"]} steps of warm-up{" each" if r.get("midtraining") else ""} |
| loss | {held[0]:.4f} held out before, {held[-1]:.4f} after |
"""
    if task in RIGHT:
        table += f"| right | {100 * float(rows[-1]['val_accuracy']):.1f} % of held-out {RIGHT[task]} |\n"
    kept = [f"{int(p.name[5:]):,}" for p in sorted(folder.glob("checkpoints/step-*"))]
    table += f"| kept states | {', '.join(kept)}: `{folder.name}@STEP` opens one |\n" if kept else ""
    if task == "modular_addition":
        again = measured = ""
        limits = "- It knows nothing else: its tokens are numbers."
    else:
        again, limits = AGAIN, LIMITS
        measured = EVALUATION.format(evaluation=given(files.evaluation, old, "on stories that it has not seen"))
        measured += TOLD.format(told=stories(files.evaluation, old))
    if task == "pretrain":
        measured = given(files.corpus, old, "inspector tales --stats` on the training split") + "\n\n" + measured
    text = f"# {{name}}\n\n{ABOUT[task]}\n\n@TABLE@\n{again}## Data\n\n{DATA[task]}\n\n@MEASURED@## Limits\n\n{limits}\n\n"
    text = text.format(**r, millions=size / 1e6, context=c["max_position_embeddings"], command=command(folder))
    text = text.replace("@TABLE@", table).replace("@MEASURED@", measured)
    return text + "## Licence\n\nApache-2.0, like the project. Recipe: `recipe.json`; curve: `loss.csv`.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    for name in ("--evaluation", "--log", "--corpus"):
        parser.add_argument(name, type=pathlib.Path)
    args = parser.parse_args()
    (args.folder / "README.md").write_text(card(args.folder, args))


if __name__ == "__main__":
    main()
