"""Kills: kill -9 of a server at work, again and again over the same runs and home.

What was answered 201 is there after the next start, with the same bytes; what is listed is whole; what a killed process
leaves behind is removed by the next ones.
"""

import argparse
import collections
import random
import socket
import sys
import threading
import time

import server as servers
from server import Broken, Server

TEXT = "Once upon a time there was a small boat that nobody had ever seen. " * 4
#: Where the moment of a kill is: after a comparison's answer, inside of one, after a run's answer, anywhere.
MOMENTS = ["after a comparison", "inside a comparison", "after a run", "at random", "inside a comparison", "after a comparison"]


class Nowhere:
    """A hub that takes connections and never answers."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_):
        self.socket.close()


class Work:
    """Requests in flight on a server until it is killed, and their answers of 201."""

    def __init__(self, server, rng, known, training):
        self.server, self.known = server, known
        self.seeds = [rng.randrange(1 << 30) for _ in range(3)]
        self.dead = threading.Event()
        self.comparing = threading.Event()  # one has been sent and not answered
        self.compared = threading.Event()  # one has been answered
        self.ran = threading.Event()
        self.wrong = []
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.runs, self.comparisons, self.pulls)]
        if training:
            self.threads.append(threading.Thread(target=self.training, daemon=True))

    def start(self):
        for thread in self.threads:
            thread.start()

    def kill(self):
        """Ends the process; whether a comparison was under way."""
        self.server.kill()
        inside = self.comparing.is_set()
        self.dead.set()
        for thread in self.threads:
            thread.join(60)
        return inside

    def made(self, path, body):
        answer = self.server.post(path, body)
        if answer.status == 201:
            self.known[path][answer.json()["id"]] = answer.body
        elif answer.status is not None and answer.fault():
            self.wrong.append(f"POST {path}: {answer.fault()}")
        return answer

    def runs(self):
        rng = random.Random(self.seeds[0])
        while not self.dead.is_set():
            request = {
                "model": "tiny-llama",
                "engine": rng.choice(["torch", "onnx"]),
                "prompt": "Once upon a time",
                "capture": ["logits", "blocks.*.attn.hook_pattern"],
                "generate": {"max_new_tokens": rng.choice([1, 8, 20])},
            }
            if self.made("/api/v1/runs", request).status == 201:
                self.ran.set()

    def comparisons(self):
        rng = random.Random(self.seeds[1])
        while not self.dead.is_set():
            request = {
                "a": {"model": "tiny-llama", "prompt": "Once upon a time"},
                "b": {"engine": rng.choice(["torch", "torch", "onnx"]), "precision": rng.choice(["fp32", "fp16"])},
                "text": TEXT,
                "options": {"cost": False, "hooks": ["blocks.*.hook_resid_post"]},
            }
            if request["b"]["engine"] == "onnx":
                request["b"]["precision"] = rng.choice(["fp32", "int8"])
            self.comparing.set()
            answer = self.made("/api/v1/comparisons", request)
            if answer.status is not None:
                self.comparing.clear()
            if answer.status == 201:
                self.compared.set()

    def pulls(self):
        while not self.dead.is_set():
            self.server.post("/api/v1/models/pull", {"repo": "somebody/something"})

    def training(self):
        """A job that goes on where the last process left it, or a new one."""
        jobs = self.server.get("/api/v1/training-jobs")
        if not jobs.ok:
            return
        for job in jobs.json()["jobs"]:
            if job["resumable"] and self.server.post(f"/api/v1/training-jobs/{job['id']}/resume", {}).ok:
                return
            self.server.request("DELETE", f"/api/v1/training-jobs/{job['id']}")
        recipe = {
            "task": "modular_addition",
            "name": "sums",
            "modulus": 59,
            "steps": 1000000,
            "save_every": 20,
            "learning_rate": 0.001,
            "warmup_steps": 10,
            "model": {"d_model": 32, "n_layers": 1, "n_heads": 4, "n_kv_heads": 4, "d_mlp": 64, "context": 4},
        }
        answer = self.server.post("/api/v1/training-jobs", {"recipe": recipe})
        if answer.status is not None and answer.fault():
            self.wrong.append(f"POST /training-jobs: {answer.fault()}")


class Store:
    """What is kept on the disk, looked at after each start."""

    def __init__(self, server):
        self.server = server
        self.known = {"/api/v1/runs": {}, "/api/v1/comparisons": {}}
        self.looked = {"/api/v1/runs": set(), "/api/v1/comparisons": set()}

    def listed(self, path):
        name = path.rsplit("/", 1)[1]
        ids, before = [], ""
        while True:
            page = self.server.done(self.server.get(f"{path}?limit=1000{before}"), f"GET {path}")[name]
            ids += [entry["id"] for entry in page]
            if len(page) < 1000:
                return set(ids)
            before = f"&before={ids[-1]}"

    def check(self, whole=False):
        """What is broken; of what was looked at before, only some is read again."""
        broken = []
        for path, known in self.known.items():
            listed = self.listed(path)
            for lost in set(known) - listed:
                broken.append(f"{path}/{lost} was answered 201 and is not listed")
            for name in sorted(listed if whole else listed - self.looked[path]):
                broken += self.read(path, name, known.get(name))
            self.looked[path] |= listed
        jobs = self.server.done(self.server.get("/api/v1/training-jobs"), "GET /training-jobs")["jobs"]
        broken += [f"training {j['id']} is {j['state']} after a kill" for j in jobs if j["state"] in ("starting", "running", "stopping")]
        return broken

    def read(self, path, name, told):
        answer = self.server.get(f"{path}/{name}")
        if not answer.ok:
            return [f"{path}/{name} is listed: {answer.status} {answer.body[:300]!r}"]
        if told is not None and answer.body != told:
            return [f"{path}/{name} is not what was answered: {answer.body[:200]!r}, not {told[:200]!r}"]
        more = ["/tokens.csv", "/hooks.csv"] if path.endswith("comparisons") else ["/captures"]
        broken = []
        for part in more:
            read = self.server.get(f"{path}/{name}{part}")
            if not read.ok:
                broken.append(f"{path}/{name}{part}: {read.status} {read.body[:300]!r}")
            elif part == "/captures":
                for capture in read.json()["captures"]:
                    hook = f"{path}/{name}/captures/{capture['hook'] if isinstance(capture, dict) else capture}"
                    value = self.server.get(hook)
                    if not value.ok:
                        broken.append(f"{hook}: {value.status} {value.body[:300]!r}")
        return broken

    def leftovers(self):
        """Files that only a process at work needs, by kind."""
        found = collections.Counter()
        for folder in (self.server.runs, self.server.runs / "comparisons", self.server.home, self.server.temporary, self.server.scratch / "hub"):
            for file in folder.rglob("*") if folder in (self.server.home, self.server.scratch / "hub") else folder.glob("*"):
                name = file.name
                if folder == self.server.temporary:
                    # ONNX Runtime's binding makes an empty folder at every start, and takes it away where it can.
                    found["temporary"] += file.is_file() or any(file.iterdir())
                elif name.startswith((".tmp-", ".trash-")) or name.endswith((".part", ".incomplete", ".tmp")) or name.startswith("verdict"):
                    found["partial" if folder.name in ("runs", "comparisons") else "unpacked by half"] += 1
                elif "lock" in name:
                    found["locks"] += 1
        return found


def main():
    parser = argparse.ArgumentParser(prog="scripts/attack kills", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="kills")
    parser.add_argument("--verbose", action="store_true", help="a line for each kill")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started = time.monotonic()
    broken, done, insides, starts = [], collections.Counter(), 0, []
    with Nowhere() as hub, Server(["--memory", "1GiB"], {"HF_ENDPOINT": hub}) as server:
        servers.tiny_llama(server.models / "tiny-llama")
        store = Store(server)
        first = None
        for i in range(options.count):
            rng = random.Random(f"{options.seed} {i}")
            starts.append(server.start())
            found = store.check()
            left = store.leftovers()
            if i == 2:
                first = left
            if left["partial"]:
                found.append(f"after the start {left['partial']} partial files are there")
            moment = MOMENTS[i % len(MOMENTS)]
            work = Work(server, rng, store.known, training=i % 3 == 0)
            work.start()
            if moment == "at random":
                work.dead.wait(rng.uniform(0, 4))
            elif moment == "after a run":
                work.ran.wait(90)
            elif moment == "after a comparison":
                work.compared.wait(90)
            else:
                work.comparing.wait(10)
                time.sleep(rng.uniform(0.1, 3))
            if not server.alive:
                found.append(f"the server ended by itself: {server.log.read_text(errors='replace')[-2000:]}")
            insides += work.kill()
            done[moment] += 1
            if options.verbose:
                print(f"kill {i}: {moment}, {time.monotonic() - started:.1f} s", flush=True)
            found += work.wrong
            for fault in found:
                print(f"BROKEN kill {i} ({moment}): {fault}", flush=True)
            broken += found
            if i % 20 == 19:
                print(f"{i + 1} kills, {len(store.known['/api/v1/runs'])} runs, {len(store.known['/api/v1/comparisons'])} comparisons;"
                      f" leftovers {dict(left)}", flush=True)
        server.start()
        last = store.check(whole=True)
        left = store.leftovers()
        if first is not None:
            last += [f"{n} {kind} files pile up, {first[kind]} after the second kill" for kind, n in left.items() if n > first[kind] + 6]
        for fault in last:
            print(f"BROKEN at the end: {fault}", flush=True)
        broken += last
    starts.sort()
    print(
        f"kills: {sum(done.values())} ({', '.join(f'{n} {moment}' for moment, n in done.items())}; {insides} fell inside a"
        f" comparison), {len(store.known['/api/v1/runs'])} runs and {len(store.known['/api/v1/comparisons'])} comparisons"
        f" answered 201, {len(broken)} broken; leftovers {dict(left)}; median start {starts[len(starts) // 2]:.1f} s;"
        f" {time.monotonic() - started:.0f} s"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
