"""Local tasks from generated text, and what lm-evaluation-harness says of a model on them.

The test asks it through a server, scripts/golden/make_lm_eval.py through transformers: the same tasks, the same requests.
"""

import hashlib
import json
import pathlib
import random

# A request has at most so many positions, the token that is made included: longer texts are read in windows. Of transformers
# two fewer say the same: the harness takes one for the token that an interface makes, and one more in rolling windows.
LENGTH = 130

TASKS = ["choose", "roll", "go_on"]

CONFIGS = {
    "choose": """task: choose
dataset_path: json
dataset_kwargs: {data_files: {validation: FOLDER/choose.jsonl}}
validation_split: validation
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: gold
metric_list: [{metric: acc}, {metric: acc_norm}]
""",
    "roll": """task: roll
dataset_path: json
dataset_kwargs: {data_files: {validation: FOLDER/roll.jsonl}}
validation_split: validation
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list: [{metric: word_perplexity}, {metric: bits_per_byte}]
""",
    "go_on": """task: go_on
dataset_path: json
dataset_kwargs: {data_files: {validation: FOLDER/go_on.jsonl}}
validation_split: validation
output_type: generate_until
generation_kwargs: {until: ["."], max_gen_toks: 12}
doc_to_text: "{{question}}"
doc_to_target: "{{gold}}"
metric_list: [{metric: exact_match}]
""",
}

NAMES = ["Anna", "Ben", "Mia", "Olga", "Peter"]
THINGS = ["red ball", "old book", "warm hat", "blue kite", "kind mouse"]
# Of which the model of tales would say one itself.
STARTS = [("Once upon a", ["time", "hat"]), ("Once upon a time, a kind", ["girl", "boy", "mouse", "dog"]),
          ("Once upon a time, a kind boy named", NAMES), ("Anna lost her red ball. She was", ["sad", "red"])]
# What the model that converses says: the harness can give no samples of a remote template, but says whether they are these.
SAID = ["Anna was a curious pony", "Once upon a time, a forgetful boy named Ben lived in", "Mia was a kind otter",
        "Olga was a gentle girl", "Once upon a time, a forgetful mouse named Peter lived in"]
PLACES = ["town", "forest", "house", "café"]


def documents():
    """Each task's documents, always the same."""
    draw = random.Random(18)
    choose = []
    for _ in range(10):
        (a, b), (x, y) = draw.sample(NAMES, 2), draw.sample(THINGS, 2)
        choices = [x, y, "green door, and"]
        draw.shuffle(choices)
        question = f"{a} had a {x}. {b} had a {y}. {a} lost her"
        choose.append({"question": question, "choices": choices, "gold": choices.index(x)})
    for question, choices in STARTS:
        choose.append({"question": question, "choices": choices, "gold": 0})
    roll = []
    for sentences in [1, 2, 5, 3]:
        text = [f"Once upon a time, a kind boy named {draw.choice(NAMES)} lived in the {draw.choice(PLACES)}."
                for _ in range(sentences)]
        roll.append({"text": " ".join(text)})
    go_on = [{"question": f"Tell me about {n} and a {t}.", "gold": said} for n, t, said in zip(NAMES, THINGS, SAID)]
    return {"choose": choose, "roll": roll, "go_on": go_on}


def write(folder):
    """The tasks as the harness reads them. Returns the hash of the documents."""
    folder = pathlib.Path(folder)
    all = documents()
    for task, config in CONFIGS.items():
        (folder / f"{task}.yaml").write_text(config.replace("FOLDER", str(folder)))
        (folder / f"{task}.jsonl").write_text("".join(json.dumps(d) + "\n" for d in all[task]))
    return hashlib.sha256(json.dumps([all, CONFIGS], sort_keys=True).encode()).hexdigest()


def evaluate(folder, model, arguments, tasks, samples=True, **more):
    """By task: `answers`, of each document what each of its requests got, where samples are wanted; and `metrics`."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    results = lm_eval.simple_evaluate(
        model=model, model_args=arguments, tasks=tasks, bootstrap_iters=0, log_samples=samples,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False), **more)
    told = {}
    for task in tasks:
        logged = sorted(results["samples"][task], key=lambda s: s["doc_id"]) if samples else []
        metrics = {k.split(",")[0]: float(v) for k, v in results["results"][task].items()
                   if "," in k and "stderr" not in k}
        told[task] = {"answers": [[plain(r[0]) for r in s["resps"]] for s in logged], "metrics": metrics}
    return told


def plain(answer):
    """[log-likelihood, whether greedy] or a log-likelihood, whatever the harness logged it as."""
    if isinstance(answer, (list, tuple)):
        return [float(answer[0]), answer[1] in (True, "True")]
    return float(answer)


def digest(files):
    """A hash of these files' bytes, in their order."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(pathlib.Path(file).read_bytes())
    return sha.hexdigest()
