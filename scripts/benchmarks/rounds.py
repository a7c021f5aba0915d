"""Runs EngineBench and its peers in turns, and writes the tables into docs/performance.md.

One round is one fresh process of each, one after the other, so that what slows the machine slows all. A process'
number is the median of its repetitions; a table's number is the median of the rounds, with their range; a ratio is
the median of the rounds' own ratios.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = ROOT / "docs" / "performance.md"
EMBEDDED = ROOT / "model-cache" / "tales-4m"

# What is compared by decode, prefill and load. Ours: engine and precision. Theirs: the peer and its file.
CLASSES = {
    "FP32": ([("onnx", "fp32"), ("torch", "fp32")], [("llama.cpp F32", "f32.gguf"), ("transformers FP32", "hf")]),
    "INT8": ([("onnx", "int8"), ("onnx", "int8_weight")], [("llama.cpp Q8_0", "q8_0.gguf")]),
    "INT4": ([("onnx", "int4_32"), ("onnx", "int4_128")], [("llama.cpp Q4_0", "q4_0.gguf")]),
}
# Times as fast as llama.cpp, on 2 threads, by the first of ours.
WANTED = {"decode": {"FP32": 1.0, "INT8": 1.15, "INT4": 1.2}, "prefill": {"FP32": 1.4, "INT8": 2.0, "INT4": 1.3}}
NUMBER = {"decode": "decode_ms", "prefill": "prefill_128_ms", "load": "first_token_ms"}


def run(command):
    environment = dict(os.environ, OPT_OUT_TRACKING="true", ORT_DISABLE_TELEMETRY="1", HF_HUB_OFFLINE="1")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode or "{" not in done.stdout:
        sys.exit(f"{' '.join(command)[:2000]}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    result = json.loads(done.stdout[done.stdout.index("{") :])
    return {name: statistics.median(v) if name.endswith("_ms") and isinstance(v, list) else v for name, v in result.items()}


def java(args, threads, main, *options, heap="4g"):
    return run(
        ["java", f"-Xmx{heap}", "-Dai.djl.offline=true", f"-Dai.djl.pytorch.num_threads={threads}"]
        + [f"-Dinspector.onnx.threads={threads}", "-cp", args.classpath, f"org.llminspector.bench.{main}", *options]
    )


def engine(args, what, threads, name, precision, model=None, form="fused"):
    options = ["--model", str(model or args.model), "--engine", name, "--precision", precision]
    return java(args, threads, "EngineBench", *options, "--form", form, "--what", what)


def python(script, threads, *options):
    return run([sys.executable, str(HERE / script), *options, "--threads", str(threads)])


# Each of these makes one round: {who: {measurement: number}}, and the lines of a table from all rounds.


def forward_round(args):
    both = "prefill,prefill512,decode"
    measured = {"python": python("forward.py", args.threads, "--model", args.model)}
    for precision in ("fp32", "fp16"):
        for form in ("fused", "hooked"):
            measured[f"{precision} {form}"] = engine(args, both, args.threads, "torch", precision, form=form)
    return measured


def forward_table(args, rounds):
    def row(title, ours, theirs, wanted=""):
        return f"| {title} | {times(ours)} | {times(theirs)} | {speedup(theirs, ours)} | {wanted} |"

    yield "| | LLM Inspector, ms | compared with, ms | times as fast | wanted |"
    yield "|---|---|---|---|---|"
    whats = [("prefill_128_ms", "prefill 128"), ("prefill_512_ms", "prefill 512"), ("decode_ms", "decode a token")]
    for form in ("fused", "hooked"):
        for what, title in whats:
            wanted = "0.9" if form == "fused" else ""
            ours, theirs = column(rounds, f"fp32 {form}", what), column(rounds, "python", what)
            yield row(f"{title}, FP32 {form} / PyTorch FP32", ours, theirs, wanted)
    for form in ("fused", "hooked"):
        for what, title in whats:
            half, full = column(rounds, f"fp16 {form}", what), column(rounds, f"fp32 {form}", what)
            yield row(f"{title}, FP16 weights {form} / own FP32 {form}", half, full)
    half, theirs = column(rounds, "fp16 fast", "decode_ms"), column(rounds, "python", "decode_ms")
    yield row("decode a token, FP16 weights fast / PyTorch FP32", half, theirs, "2.5")


def capture_round(args):
    return {name: engine(args, "capture", args.threads, name, "fp32") for name in ("torch", "onnx")}


def capture_table(args, rounds):
    yield "| prefill of 128 tokens, FP32, hooked form | ms | times the first | wanted |"
    yield "|---|---|---|---|"
    for name, wanted in (("torch", ("at most 1.25", "")), ("onnx", ("at most 1.05", "at most 1.2"))):
        plain = column(rounds, name, "uncaptured_128_ms")
        yield f"| {name}: logits alone | {times(plain)} | 1 | |"
        for what, title in (("capture_most", "every hook point but hook_result"), ("capture", "every hook point")):
            hooked, whole = (column(rounds, name, f"{what}{part}_128_ms") for part in ("", "_whole"))
            tensors, size = (rounds[0][name][f"{what}_{count}"] for count in ("tensors", "bytes"))
            title = f"{title}, {tensors} tensors, {size / 2**20:.0f} MiB"
            yield f"| {name}: {title} | {times(hooked)} | {speedup(hooked, plain)} | {wanted[0]} |"
            yield f"| {name}: and in plain memory | {times(whole)} | {speedup(whole, plain)} | {wanted[1]} |"


def open_round(args):
    return {how: java(args, args.threads, "OpenBench", "--model", args.model, "--how", how, heap="1g") for how in ("read", "open")}


def open_table(args, rounds):
    """Times and memory of a fresh process each; the file's pages are in the system's cache for both."""
    read = column(rounds, "read", "read_ms")
    yield "| | ms | times reading | own memory, MiB | mapped pages, MiB | most ever, MiB |"
    yield "|---|---|---|---|---|---|"

    def row(title, who, what, when):
        memory = (column(rounds, who, f"{when}_{kind}_mib") for kind in ("rssanon", "rssfile", "vmhwm"))
        own = ratio = ""
        if what:
            ms = column(rounds, who, what)
            own, ratio = times(ms), speedup(ms, read)
        return f"| {title} | {own} | {ratio} | " + " | ".join(number(statistics.median(m)) for m in memory) + " |"

    yield row("a process with libtorch loaded", "open", None, "before")
    yield row(f"reading the {rounds[0]['read']['bytes'] / 2**20:.0f} MiB once, 4 MiB at a time", "read", "read_ms", "after")
    yield row("opened: the engine holds every weight", "open", "engine_ms", "engine")
    yield row("and one token run, which touches them", "open", "first_token_ms", "first_token")


def sizes_round(args):
    """Files of published sizes that are nearly empty: read, opened on torch, on onnx anew, and from what that kept."""
    folder = pathlib.Path(args.model).parent / "sparse"
    kept = folder / "prepared"
    folder.mkdir(parents=True, exist_ok=True)
    measured = {}
    for title, (name, layers) in SIZES.items():
        where = ("--sparse", name, "--layers", str(layers), "--in", str(folder))
        opened = (*where, "--how", "open")
        int8 = (*opened, "--engine", "onnx", "--precision", "int8", "--prepared", str(kept))
        shutil.rmtree(kept, ignore_errors=True)
        for how, arguments in {
            "read": (*where, "--how", "read"),
            "torch": (*opened, "--engine", "torch", "--precision", "fp16"),
            "first": int8,
            "second": int8,
        }.items():
            measured[f"{title}, {how}"] = java(args, args.threads, "OpenBench", *arguments, heap="1g")
        shutil.rmtree(folder)
        folder.mkdir()
    return measured


def sizes_table(args, rounds):
    """Seconds; memory beyond the process's beginning, so that the share of the JVM and of libtorch is left out."""
    yield "| model | MB | read, s | torch FP16, s | most, MiB | own, MiB | onnx INT8, s | most, MiB | again, s | most, MiB | own, MiB | mapped, MiB |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for title in SIZES:

        def value(how, what):
            return statistics.median(column(rounds, f"{title}, {how}", what))

        def cells(how):
            most = value(how, "engine_vmhwm_mib") - value(how, "before_vmhwm_mib")
            return f"{value(how, 'engine_ms') / 1000:.1f} | {most:,.0f}"

        def own(how):
            return f"{value(how, 'resident_mib'):,.0f}"

        megabytes = rounds[0][f"{title}, read"]["bytes"] / 1e6
        yield (
            f"| {title} | {megabytes:,.0f} | {value('read', 'read_ms') / 1000:.1f} | {cells('torch')} | {own('torch')} | "
            f"{cells('first')} | {cells('second')} | {own('second')} | {value('second', 'mapped_mib'):,.0f} |"
        )


LOADED = {  # title: model folder (None: --model), engine, precision
    "tales-4m, torch FP32": (EMBEDDED, "torch", "fp32"),
    "tales-4m, onnx FP32": (EMBEDDED, "onnx", "fp32"),
    "Llama 135M, torch FP32": (None, "torch", "fp32"),
    "Llama 135M, onnx INT8": (None, "onnx", "int8"),
}


def loaded_round(args):
    """Decoding on a quiet machine and while a loop keeps every core busy, in turns."""
    measured = {}
    for title, (model, name, precision) in LOADED.items():
        for load in ("quiet", "loaded"):
            loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() * (load == "loaded"))]
            try:
                measured[title, load] = engine(args, "decode", args.threads, name, precision, model)
            finally:
                for loop in loops:
                    loop.kill()
                    loop.wait()
    return measured


def loaded_table(args, rounds):
    yield "| model | quiet, ms per token | tokens per second | a busy loop per core, ms | tokens per second | times as slow |"
    yield "|---|---|---|---|---|---|"
    for title in LOADED:
        quiet, busy = (column(rounds, (title, load), "decode_ms") for load in ("quiet", "loaded"))
        speeds = [f"{1000 / statistics.median(ms):.1f}" for ms in (quiet, busy)]
        yield f"| {title} | {times(quiet)} | {speeds[0]} | {times(busy)} | {speeds[1]} | {speedup(busy, quiet)} |"


def train_round(args):
    measured = {}
    for threads in args.each_threads:
        measured["python", threads] = python("train.py", threads, "--model", str(EMBEDDED))
        measured["ours", threads] = java(args, threads, "TrainBench", "--model", str(EMBEDDED), heap="1g")
    return measured


def train_table(args, rounds):
    yield "| threads | LLM Inspector, ms per update | tokens per second | PyTorch, ms per update | tokens per second | times as fast | wanted |"
    yield "|---|---|---|---|---|---|---|"
    for threads in args.each_threads:
        ours, theirs = (column(rounds, (who, threads), "update_ms") for who in ("ours", "python"))
        tokens = rounds[0]["ours", threads]["tokens"]
        speeds = [f"{tokens / statistics.median(ms) * 1000:,.0f}" for ms in (ours, theirs)]
        yield f"| {threads} | {times(ours)} | {speeds[0]} | {times(theirs)} | {speeds[1]} | {speedup(theirs, ours)} | 1 |"


def same_losses(args, rounds):
    """How far apart the first updates' losses lie, so that it is the same step."""
    both = zip(*(rounds[0][who, args.each_threads[0]]["losses"] for who in ("ours", "python")))
    yield f"The first updates' losses differ by at most {max(abs(a - b) for a, b in both):.1e}."


def models(args):
    """Title -> (what we open, the folder of GGUF files, what transformers opens)."""
    cache = pathlib.Path(args.gguf)
    if args.gemma:
        yield "Gemma 3 270M", (cache / "gemma-270m" / "f32.gguf", cache / "gemma-270m", None)
    else:
        yield "Llama 135M, random", (args.model, cache / "llama-135m", args.model)


def engines_round(args):
    what, measured = ",".join(args.what), {}
    for title, (ours, files, hf) in models(args):
        for threads in args.each_threads:
            for mine, theirs in CLASSES.values():
                for peer, file in theirs:
                    if file != "hf":
                        options = ("llama_cpp", "--model", str(files / file))
                    elif hf:
                        options = ("transformers", "--model", str(hf))
                    else:
                        continue
                    measured[title, threads, peer] = python("peer.py", threads, *options, "--what", what)
                for name, precision in mine:
                    measured[title, threads, f"{name} {precision}"] = engine(args, what, threads, name, precision, ours)
    return measured


def engines_table(what):
    def table(args, rounds):
        yield "| model | threads | LLM Inspector | ms | compared with | ms | times as fast | wanted |"
        yield "|---|---|---|---|---|---|---|---|"
        for title, _ in models(args):
            for threads in args.each_threads:
                for kind, (mine, theirs) in CLASSES.items():
                    for at, (name, precision) in enumerate(mine):
                        for peer, _ in theirs:
                            if (title, threads, peer) not in rounds[0]:
                                continue
                            first = at == 0 and threads == 2 and peer.startswith("llama.cpp")
                            wanted = WANTED.get(what, {}).get(kind, "") if first else ""
                            a = column(rounds, (title, threads, f"{name} {precision}"), NUMBER[what])
                            b = column(rounds, (title, threads, peer), NUMBER[what])
                            yield f"| {title} | {threads} | {name} {precision} | {times(a)} | {peer} | {times(b)} | {speedup(b, a)} | {wanted} |"

    return table


def agreement(args, rounds):
    """How many of the greedy tokens are the same in FP32, so that it is the same model."""
    for title, _ in models(args):
        threads = args.each_threads[0]
        theirs = rounds[0][title, threads, "llama.cpp F32"]["greedy"]
        ours = rounds[0][title, threads, "onnx fp32"]["greedy"]
        same = sum(a == b for a, b in zip(ours, theirs))
        yield f"{title}: {same} of {len(theirs)} greedy tokens in FP32 are llama.cpp's."


def cold(args, rounds):
    """A token of the first 32 in a fresh process, before the JVM has compiled its part."""
    for title, _ in models(args):
        for threads in args.each_threads:
            mine = [who for who in rounds[0] if who[:2] == (title, threads) and "decode_cold_ms" in rounds[0][who]]
            said = [f"{who[2]} {number(statistics.median(column(rounds, who, 'decode_cold_ms')))} ms" for who in mine]
            yield f"A token of the first 32 in a fresh process ({title}, threads: {threads}): {', '.join(said)}."


ENGINES = ("decode", "prefill", "load")
SIZES = {  # SparseModel's names, and layers of them
    "Llama 3.2 1B": ("llama-3.2-1b", 16),
    "Gemma 3 1B": ("gemma-3-1b", 26),
    "Qwen2.5 1.5B": ("qwen2.5-1.5b", 28),
    "Qwen3 8B, three layers": ("qwen3-8b", 3),
    "Gemma 2 2B": ("gemma-2-2b", 26),
}
BY_THREADS = (*ENGINES, "train")
ROUNDS = {"forward": forward_round, "capture": capture_round, "open": open_round, "sizes": sizes_round, "train": train_round}
ROUNDS["loaded"] = loaded_round
TABLES = {"forward": forward_table, "capture": capture_table, "open": open_table, "sizes": sizes_table, "train": train_table}
TABLES["loaded"] = loaded_table
TABLES.update({what: engines_table(what) for what in ENGINES})


def column(rounds, who, what):
    return [r[who][what] for r in rounds]


def times(values):
    """Median and range, in milliseconds."""
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}"


def speedup(slow, fast):
    """How many times faster `fast` is, round by round: the median and the range."""
    ratios = [s / f for s, f in zip(slow, fast)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def machine():
    cpu = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    features = ""
    if cpuinfo.exists():
        text = cpuinfo.read_text()
        match = re.search(r"model name\s*:\s*(.+)", text)
        cpu = match.group(1) if match else cpu
        features = ", ".join(f for f in ("avx2", "avx512f", "avx_vnni", "avx512_vnni") if f" {f} " in text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu} ({features}), {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions(rounds):
    pom = (ROOT / "pom.xml").read_text()
    djl, libtorch, ort = (re.search(rf"<{p}\.version>(.+?)<", pom).group(1) for p in ("djl", "pytorch", "onnxruntime"))
    lines = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()
    said = [f"DJL {djl}, libtorch {libtorch}, ONNX Runtime {ort}", *(line for line in lines if "version" in line)]
    for measured in rounds[0].values():
        if "torch" in measured:
            said.append(f"PyTorch {measured['torch']}")
        if "system" in measured:
            said.append(" ".join(f"{measured['version']} {measured['system']}".split()))
    return "; ".join([*dict.fromkeys(said), f"Python {platform.python_version()}"])


def write_section(name, text):
    begin, end = f"<!-- {name}: written by scripts/bench {name} -->\n", f"<!-- end of {name} -->"
    document = DOCUMENT.read_text()
    before, rest = document.split(begin)
    after = rest.split(end)[1]
    DOCUMENT.write_text(before + begin + text + "\n" + end + after)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", nargs="+", choices=TABLES)
    parser.add_argument("--threads", type=int, help="of decode, prefill, load and train: 1 and 2 unless given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", required=True)
    parser.add_argument("--gguf", help="folder of the GGUF files that make_gguf.py made")
    parser.add_argument("--gemma", action="store_true", help="of decode, prefill and load: Gemma 3 270M instead")
    parser.add_argument("--classpath", required=True)
    args = parser.parse_args()
    together = all(what in ENGINES for what in args.what)
    if len(args.what) > 1 and not together:
        parser.error("only decode, prefill and load are measured together")
    args.each_threads = [args.threads] if args.threads else [1, 2]
    args.threads = args.threads or 2

    load = os.getloadavg()[0]
    busy = load > 0.3 * (os.cpu_count() or 1)
    if busy:
        print(f"The machine is busy (load {load:.1f}): these numbers will be worth little.", file=sys.stderr)
    rounds = []
    for i in range(args.rounds):
        measured = engines_round(args) if together else ROUNDS[args.what[0]](args)
        rounds.append(measured)
        print(f"round {i + 1} of {args.rounds}", file=sys.stderr)
        for who, values in measured.items():
            shown = {k: round(v, 1) for k, v in values.items() if k.endswith("_ms")}
            print(f"  {who}: {shown}", file=sys.stderr)

    for what in args.what:
        table = "\n".join(TABLES[what](args, rounds))
        threads = " and ".join(map(str, args.each_threads)) if what in BY_THREADS else args.threads
        notes = [
            f"{datetime.date.today()}; threads: {threads}; {args.rounds} rounds, medians (and ranges).",
            f"{machine()}. {versions(rounds)}.",
        ]
        if what == "decode":
            notes.extend([*agreement(args, rounds), *cold(args, rounds)])
        if what == "train":
            notes.extend(same_losses(args, rounds))
        if busy:
            notes.append(f"The machine was doing other work (load {load:.1f} at the start).")
        print(table)
        write_section(what + (" --gemma" if args.gemma and together else ""), "\n" + table + "\n\n" + "\n".join(notes) + "\n")
        print(f"written into {DOCUMENT}", file=sys.stderr)


if __name__ == "__main__":
    main()
