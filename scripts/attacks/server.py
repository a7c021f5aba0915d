"""A server of one's own to attack: started on a free loopback port, with a home, runs and models in a scratch folder."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RESOURCES = ROOT / "inspector-core/src/test/resources"
MIB = 1 << 20


class Broken(Exception):
    """A promise that the program did not keep."""


class Answer:
    """The answer to one request; status is None when the connection ended without one."""

    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def ok(self):
        return self.status is not None and 200 <= self.status < 300

    def json(self):
        return json.loads(self.body)

    def fault(self):
        """What is wrong with the answer, or None: 2xx, a problem of 4xx, or 'try later' with Retry-After are right."""
        if self.status is None:
            return self.body.decode()
        kind = self.headers.get("content-type", "").split(";")[0]
        try:
            document = json.loads(self.body, parse_constant=not_json) if kind.endswith("json") and self.body else None
        except ValueError as e:
            return f"{self.status} with a body that is not JSON: {e}"
        if self.ok:
            return None
        if kind != "application/problem+json" or not document.get("title"):
            return f"{self.status} without a problem: {self.body[:200]!r}"
        if 400 <= self.status < 500 and self.status != 429:
            return None
        if self.status in (429, 503) and "retry-after" in self.headers:
            return None
        return f"{self.status}: {self.body[:400].decode(errors='replace')}"


def not_json(constant):
    raise ValueError(f"{constant} is not JSON")


def jar():
    """The program's jar, built when a source is newer; ATTACK_JAR names another, which stays as it is."""
    if os.environ.get("ATTACK_JAR"):
        return pathlib.Path(os.environ["ATTACK_JAR"])
    subprocess.run([ROOT / "scripts/inspector", "--version"], check=True, stdout=subprocess.DEVNULL)
    return ROOT / "inspector-web/target/llm-inspector.jar"


class Server:
    """One server process after another over the same scratch folder."""

    def __init__(self, options=(), environment=None):
        self.jar = jar()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="attack-"))
        self.models, self.runs, self.home = (self.scratch / name for name in ("models", "runs", "home"))
        self.temporary = self.scratch / "tmp"
        for folder in (self.models, self.temporary):
            folder.mkdir()
        self.options = list(options)
        self.log = self.scratch / "server.log"
        self.environment = dict(
            os.environ,
            LLM_INSPECTOR_HOME=str(self.home),
            LLM_INSPECTOR_MODELS=str(self.models),
            HF_HUB_CACHE=str(self.scratch / "hub"),
            JAVA_OPTS=f"{os.environ.get('JAVA_OPTS', '')} -Djava.io.tmpdir={self.temporary}",
            **(environment or {}),
        )
        self.process = None
        self.port = None
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server ends too

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self):
        """Starts a process and waits until it answers; returns the seconds that took."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        command = [ROOT / "scripts/launch.sh", self.jar, "serve", "--port", str(self.port)]
        command += ["--models", self.models, "--runs", self.runs, *self.options]
        started = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment
            )
        while time.monotonic() - started < 120:
            if self.process.poll() is not None:
                break
            if self.get("/api/v1/health", timeout=5).ok:
                return time.monotonic() - started
            time.sleep(0.02)
        raise Broken(f"the server did not start:\n{self.log.read_text(errors='replace')[-4000:]}")

    def stop(self):
        """Ends the process as a person does, or with kill where it does not heed that."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def request(self, method, path, body=None, timeout=60, headers=None):
        """One request on a connection of its own; bytes go as they are, everything else as JSON."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, sent)
            reply = connection.getresponse()
            content = reply.read()
            read = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, read, content, time.monotonic() - started)
        except (OSError, http.client.HTTPException) as e:
            return Answer(None, {}, f"no answer: {e!r}".encode(), time.monotonic() - started)
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body, **more):
        return self.request("POST", path, body, **more)

    def sound(self, answer, what):
        """The answer, when it is as promised."""
        fault = answer.fault()
        if fault:
            raise Broken(f"{what}: {fault}" + ("" if self.alive else "; the process is gone"))
        return answer

    def done(self, answer, what):
        """The answer's JSON; only success will do."""
        self.sound(answer, what)
        if not answer.ok:
            raise Broken(f"{what}: {answer.status} {answer.body[:400].decode(errors='replace')}")
        return answer.json() if answer.body else None

    def errors(self):
        """Lines of the log that tell of a defect: incidents and what crashed."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if "Incident" in line or "fatal error" in line or "OutOfMemoryError" in line]


def tiny_llama(folder):
    """The tests' Llama of random weights, with the tests' tokenizer that fits it."""
    folder.mkdir(parents=True)
    for name in ("config.json", "generation_config.json", "model.safetensors"):
        shutil.copy(RESOURCES / "golden/hf/llama" / name, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(RESOURCES / "tokenizers/spm" / name, folder)
    return folder


class Sample:
    """What the server has of memory, threads, handles and mappings of files that are deleted."""

    def __init__(self, server):
        memory = server.done(server.get("/api/v1/memory"), "GET /memory")
        process = memory["process"]
        pid = server.process.pid
        self.held = memory["held"]
        self.holders = memory["holders"]
        self.on_heap = sum(h["bytes"] for h in self.holders if h["kind"] in ("prefixes", "texts"))
        self.models = len(memory["models"])
        self.resident = process["resident_bytes"]
        self.heap = process["heap_committed"]
        self.code = process["code_bytes"]
        self.heap_used = process["heap_used"]
        self.threads = process["threads"]
        self.handles = len(os.listdir(f"/proc/{pid}/fd"))
        self.deleted = sum("(deleted)" in line for line in open(f"/proc/{pid}/maps", errors="replace"))
        self.deleted_handles = 0
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                self.deleted_handles += "(deleted)" in os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                pass

    def counted(self, baseline):
        """What is accounted for: the holders, the JVM's heap and code, and at the baseline everything else (libraries)."""
        return self.told + baseline.resident - baseline.told

    @property
    def told(self):
        return self.held - self.on_heap + self.heap + self.code

    def __str__(self):
        return (
            f"resident {self.resident / MIB:.0f} MiB, held {self.held / MIB:.1f}, heap {self.heap / MIB:.0f}"
            f" (used {self.heap_used / MIB:.0f}), code {self.code / MIB:.0f}, {self.models} open models, {self.threads} threads,"
            f" {self.handles} handles ({self.deleted_handles} deleted), {self.deleted} deleted mappings"
        )


def settled(server, seconds=20):
    """A sample when models that are gone have been let go: the lowest of some that follow one another."""
    best = None
    for _ in range(seconds):
        server.sound(server.get("/api/v1/models"), "GET /models")
        sample = Sample(server)
        if best is None or (sample.deleted + sample.deleted_handles, sample.resident) <= (
            best.deleted + best.deleted_handles,
            best.resident,
        ):
            best = sample
        time.sleep(1)
    return best
