"""Runs ForwardBench and its Python twin in turns, and writes the table into docs/performance.md.

One round is one fresh process of each, one after the other, so that what slows the machine slows both. A process'
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
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, OPT_OUT_TRACKING="true"))
    if done.returncode or "{" not in done.stdout:
        sys.exit(f"{' '.join(command)[:2000]}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    result = json.loads(done.stdout[done.stdout.index("{") :])
    return {name: statistics.median(v) if isinstance(v, list) else v for name, v in result.items()}


def java(args, precision):
    return run(
        ["java", "-Xmx4g", "-Dai.djl.offline=true", f"-Dai.djl.pytorch.num_threads={args.threads}"]
        + ["-cp", args.classpath, "org.llminspector.bench.ForwardBench", "--model", args.model]
        + ["--threads", str(args.threads), "--precision", precision, "--json"]
    )


def opened(args, how):
    return run(
        ["java", "-Xmx1g", "-Dai.djl.offline=true", f"-Dai.djl.pytorch.num_threads={args.threads}"]
        + ["-cp", args.classpath, "org.llminspector.bench.OpenBench", "--model", args.model, "--how", how]
    )


def twin(args):
    script = str(pathlib.Path(__file__).with_name("forward.py"))
    return run([sys.executable, script, "--model", args.model, "--threads", str(args.threads), "--json"])


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


def forward_table(rounds):
    def row(title, ours, theirs, wanted):
        return f"| {title} | {times(ours)} | {times(theirs)} | {speedup(theirs, ours)} | {wanted} |"

    yield "| | LLM Inspector, ms | compared with, ms | times as fast | wanted |"
    yield "|---|---|---|---|---|"
    whats = [("prefill_128_ms", "prefill 128"), ("prefill_512_ms", "prefill 512"), ("decode_ms", "decode a token")]
    for form, prefix in [("fast", ""), ("tapped", "tapped_")]:
        for what, title in whats:
            wanted = "0.9" if form == "fast" else ""
            ours, theirs = column(rounds, "fp32", prefix + what), column(rounds, "python", what)
            yield row(f"{title}, FP32 {form} / PyTorch FP32", ours, theirs, wanted)
    for form, prefix in [("fast", ""), ("tapped", "tapped_")]:
        for what, title in whats:
            half, full = column(rounds, "fp16", prefix + what), column(rounds, "fp32", prefix + what)
            wanted = "2.5" if prefix + what == "decode_ms" else ""
            yield row(f"{title}, FP16 weights {form} / own FP32 {form}", half, full, wanted)
    half, theirs = column(rounds, "fp16", "decode_ms"), column(rounds, "python", "decode_ms")
    yield row("decode a token, FP16 weights fast / PyTorch FP32", half, theirs, "")


def capture_table(rounds):
    plain, tapped, copy = (
        column(rounds, "fp32", what) for what in ("uncaptured_128_ms", "capture_128_ms", "capture_copy_128_ms")
    )
    yield "| prefill of 128 tokens, FP32 | ms | times the first | wanted |"
    yield "|---|---|---|---|"
    tensors, size = (rounds[0]["fp32"][what] for what in ("capture_tensors", "capture_bytes"))
    yield f"| logits alone, tapped | {times(plain)} | 1 | |"
    yield f"| every hook point: {tensors} tensors, {size / 2**20:.0f} MiB | {times(tapped)} | {speedup(tapped, plain)} | at most 1.25 |"
    yield f"| the copy out | {times(copy)} | {speedup(copy, plain)} | |"


def open_table(rounds):
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


def machine():
    cpu = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        match = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        cpu = match.group(1) if match else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions(rounds):
    pom = (ROOT / "pom.xml").read_text()
    djl, libtorch = (re.search(rf"<{p}\.version>(.+?)<", pom).group(1) for p in ("djl", "pytorch"))
    lines = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()
    said = [f"DJL {djl}, libtorch {libtorch}", *(line for line in lines if "version" in line)]
    if "python" in rounds[0]:
        said.append(f"PyTorch {rounds[0]['python']['torch']}, Python {platform.python_version()}")
    return "; ".join(said)


def write_section(name, text):
    begin, end = f"<!-- {name}: written by scripts/bench {name} -->\n", f"<!-- end of {name} -->"
    document = DOCUMENT.read_text()
    before, rest = document.split(begin)
    after = rest.split(end)[1]
    DOCUMENT.write_text(before + begin + text + "\n" + end + after)


TABLES = {"forward": forward_table, "capture": capture_table, "open": open_table}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", choices=["forward", "capture", "open"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", required=True)
    parser.add_argument("--classpath", required=True)
    args = parser.parse_args()

    load = os.getloadavg()[0]
    busy = load > 0.3 * (os.cpu_count() or 1)
    if busy:
        print(f"The machine is busy (load {load:.1f}): these numbers will be worth little.", file=sys.stderr)
    rounds = []
    for i in range(args.rounds):
        measured = {how: opened(args, how) for how in ("read", "open")} if args.what == "open" else {"fp32": java(args, "fp32")}
        if args.what == "forward":
            measured.update(python=twin(args), fp16=java(args, "fp16"))
        rounds.append(measured)
        shown = {f"{who} {k}": round(v, 1) for who, m in measured.items() for k, v in m.items() if k.endswith("_ms")}
        print(f"round {i + 1} of {args.rounds}: {shown}", file=sys.stderr)

    table = "\n".join(TABLES[args.what](rounds))
    notes = [
        f"{datetime.date.today()}; {args.threads} threads; {args.rounds} rounds, medians (and ranges).",
        f"{machine()}. {versions(rounds)}.",
    ]
    if busy:
        notes.append(f"The machine was doing other work (load {load:.1f} at the start).")
    print(table)
    write_section(args.what, "\n" + table + "\n\n" + "\n".join(notes) + "\n")
    print(f"written into {DOCUMENT}", file=sys.stderr)


if __name__ == "__main__":
    main()
