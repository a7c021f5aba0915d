"""How long a running server takes for what lm-evaluation-harness asks of a multiple-choice task, in the order in which it asks.

    python3 scripts/benchmarks/scoring.py URL MODEL CONTEXT QUESTIONS [SHARED]

QUESTIONS contexts of CONTEXT random tokens, the first SHARED of them the same for all, with four choices of 1 to 4 tokens each.
"""

import json
import random
import sys
import time
import urllib.request


def call(path, body=None):
    request = urllib.request.Request(url + path, body and json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def score(tokens):
    call("/v1/completions", {"model": model, "prompt": tokens, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0})


url, model = sys.argv[1:3]
context, questions, shared = (int(a) for a in [*sys.argv[3:], 0][:3])
draw = random.Random(5)
vocab = call(f"/api/v1/models/{model.split('@')[0]}")["spec"]["vocab"]
texts = []
same = [draw.randrange(5, vocab) for _ in range(shared)]
for _ in range(questions):
    question = same + [draw.randrange(5, vocab) for _ in range(context - shared)]
    texts += [question + [draw.randrange(5, vocab) for _ in range(n)] for n in (1, 2, 3, 4)]
texts.sort(key=lambda t: (-len(t), t))
score([draw.randrange(5, vocab) for _ in range(9)])  # the model is open
started = time.perf_counter()
for text in texts:
    score(text)
seconds = time.perf_counter() - started
print(f"{seconds:.1f} s, {seconds / len(texts) * 1000:.0f} ms per request")
