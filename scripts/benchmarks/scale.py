"""Measures what a sweep costs beside the model: seconds a task on Spark, bytes a part, seconds to merge made parts.

usage: scale.py [--documents N] [--parts N,N,...]

Needs scripts/inspector and Spark's jars (scripts/lib.sh, spark_home). Results are in docs/scale.md.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "spark"))
from cluster import Cluster, inspector, said  # noqa: E402

SWEEP = ["sweep", "--model", "tales-4m", "--corpus", "tales:held_out", "--reduce", "moments"]


def seconds(text):
    """Tokens and tokens per second of what a sweep prints, as seconds."""
    tokens = int(re.search(r"([\d,]+) tokens;", text)[1].replace(",", ""))
    return tokens / float(re.search(r"([\d,]+) tokens per second$", text, re.M)[1].replace(",", ""))


def overhead(temp, documents):
    shards = [*SWEEP, "--documents", documents, "--shard-windows", 1]
    alone = seconds(said(inspector(*shards, "--out", temp / "alone")))
    parts = list((temp / "alone/parts").glob("*.safetensors"))
    print(f"{len(parts)} parts of {sum(p.stat().st_size for p in parts) // len(parts):,} bytes; alone {alone:.1f} s", flush=True)
    for workers in (1, 2):
        folder = temp / f"c{workers}"
        folder.mkdir()
        cluster = Cluster(folder, workers)
        try:
            spent = seconds(said(inspector(*shards, "--out", temp / f"w{workers}", "--on", cluster.url)))
        finally:
            cluster.close()
        each = (spent * workers - alone) / len(parts) * 1000
        print(f"{workers} worker(s): {spent:.1f} s by the driver's clock, {each:.0f} ms a task beside the model's work", flush=True)


def merges(temp, counts):
    """Merges one part under many names: files and reads are real, the numbers are not."""
    one = temp / "one"
    said(inspector(*SWEEP, "--documents", 30, "--shard-windows", 100000, "--out", one))
    part = next((one / "parts").glob("*.safetensors"))
    for count in counts:
        made = temp / f"made{count}"
        (made / "parts").mkdir(parents=True)
        manifest = json.loads((one / "sweep.json").read_text())
        manifest["parts"] = [f"{i:064x}" for i in range(count)]
        (made / "sweep.json").write_text(json.dumps(manifest))
        shutil.copy(one / "windows.safetensors", made)
        shutil.copy(one / "documents.jsonl", made)
        for name in manifest["parts"]:
            os.link(part, made / "parts" / f"{name}.safetensors")
        began = time.monotonic()
        said(inspector("sweep", "merge", made))
        print(f"merge of {count:,} parts of {part.stat().st_size:,} bytes: {time.monotonic() - began:.1f} s, start included", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--documents", type=int, default=60)
    arguments.add_argument("--parts", default="1,10,100,1000,10000")
    given = arguments.parse_args()
    temp = pathlib.Path(tempfile.mkdtemp())
    try:
        merges(temp, [int(n) for n in given.parts.split(",")])
        overhead(temp, given.documents)
    finally:
        shutil.rmtree(temp)


if __name__ == "__main__":
    main()
