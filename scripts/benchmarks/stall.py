"""How long a server takes to answer while it opens a large model: 100 GETs each of /models, /runs and /health.

    python scripts/benchmarks/stall.py http://127.0.0.1:7070 MODEL [ENGINE PRECISION]

The model must not be open yet. Prints median, 95th percentile and most of each, in ms, and how far the opening was at the end.
"""

import json
import statistics
import sys
import threading
import time
import urllib.request

ROUNDS = 100


def get(url):
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        answer.read()
    return (time.perf_counter() - began) * 1000


def main():
    server, model, engine, precision = [*sys.argv[1:], "torch", "fp16"][:4]
    api = f"{server}/api/v1"
    body = json.dumps({"engine": engine, "precision": precision}).encode()
    request = urllib.request.Request(
        f"{api}/models/{model}/open", data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    ended = threading.Event()

    def load():
        with urllib.request.urlopen(request) as answer:
            answer.read()
        ended.set()

    for what in ("models", "runs", "health"):
        get(f"{api}/{what}")
    threading.Thread(target=load, daemon=True).start()
    time.sleep(0.5)
    taken = {"models": [], "runs": [], "health": []}
    for _ in range(ROUNDS):
        for what, ms in taken.items():
            ms.append(get(f"{api}/{what}"))
    for what, ms in taken.items():
        p95 = statistics.quantiles(ms, n=20)[18]
        print(f"GET /{what}: median {statistics.median(ms):.1f}, 95th percentile {p95:.1f}, most {max(ms):.1f} ms")
    with urllib.request.urlopen(f"{api}/models") as answer:
        opening = [o for m in json.load(answer)["models"] if m["slug"] == model for o in m["opening"]]
    print("still opening:" if opening else "open by then:" if ended.is_set() else "ended otherwise:", opening)


if __name__ == "__main__":
    main()
