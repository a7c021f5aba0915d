#!/usr/bin/env python3
"""Writes golden/kld: what llama.cpp's own llama-perplexity makes of two of the tiny GGUF files.

    cmake -B build -DCMAKE_BUILD_TYPE=Release SRC && cmake --build build --target llama-perplexity llama-quantize
    scripts/golden/make_kld.py build/bin

SRC is llama.cpp's, for instance vendor/llama.cpp of PyPI's llama-cpp-python source distribution (0.3.36 made what is here).
text.txt is read by tiny64-BF16 (base.kld is what it writes), and tiny64-Q4_0 and tiny64-Q8_0 are compared with that. All three
are decoded to float32 before: from other files llama.cpp rounds activations too, to BF16 or 8 bits, which this does not.
"""

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "inspector-core/src/test/resources/golden"
WORDS = "the cat sat on a mat and then it ran to old red house by sea where little birds sang all day long once upon time"
CONTEXT = 64


def main() -> None:
    tools = Path(sys.argv[1])
    decoded = Path(tempfile.mkdtemp())
    out = ROOT / "kld"
    out.mkdir(exist_ok=True)
    pick = random.Random(7)
    (out / "text.txt").write_text(" ".join(pick.choice(WORDS.split()) for _ in range(92)))

    def run(model: str, *more: str) -> str:
        file = decoded / f"{model}.gguf"
        if not file.exists():
            source = str(ROOT / f"gguf/types/{model}.gguf")
            command = [str(tools / "llama-quantize"), "--allow-requantize", source, str(file), "F32"]
            subprocess.run(command, check=True, capture_output=True)
        command = [str(tools / "llama-perplexity"), "-m", str(file), "-c", str(CONTEXT), "-b", str(CONTEXT)]
        command += ["-t", "1", "--kl-divergence-base", str(out / "base.kld"), *more]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.decode("utf-8")

    run("tiny64-BF16", "-f", str(out / "text.txt"))
    figures = {"context": CONTEXT}
    for model in ("tiny64-Q4_0", "tiny64-Q8_0"):
        block = ""
        while "Same top p" not in block:  # it sometimes ends before all of its log is written
            block = run(model, "--kl-divergence").partition("Perplexity statistics")[2]
        lines = re.findall(r"^ *(\S.*?)\s*:\s+(-?[\d.]+)", block, re.MULTILINE)
        figures[model] = {re.sub(r"\s+", " ", name): float(value) for name, value in lines}
    (out / "llama-perplexity.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")


main()
