#!/usr/bin/env python3
"""Makes the goldens of the tiktoken encodings.

    python scripts/golden/make_encodings.py JTOKKIT_JAR inspector-core/src/test/resources/encodings.json

The vocabularies come out of jtokkit's jar. tiktoken checks their SHA-256, so that they are OpenAI's own, and needs
no network. Needs: tiktoken, tokenizers.
"""

import hashlib
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import tiktoken
from make_tokenizers import HOSTILE, long_text

NAMES = ["cl100k_base", "o200k_base", "p50k_base", "r50k_base"]
MORE = [
    "tiktoken is great!",
    "antidisestablishmentarianism",
    "2 + 2 = 4, 1234567890",
    "I'LL we'Ve THEY'RE it's 's",
    "HTTPServer getURLFromString camelCase SHOUTING",
    "a  b   c    d\n\n\n  e\r\n\r\n f\t\t",
    "/usr/local/bin/../lib//x.so\n/\n/\r\n",
    "caf\u00e9 \u01c5ungla \u02b0superscript \u0301\u0301",
    "\u0661\u0662\u0663\u0664 \u2160\u2161 \u00bd\u00b2",
    "x" * 300,
    "\U0001f600" * 20,
]


def main(jar, out):
    with tempfile.TemporaryDirectory() as cache, zipfile.ZipFile(jar) as files:
        os.environ["TIKTOKEN_CACHE_DIR"] = cache
        for name in NAMES:
            url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
            key = hashlib.sha1(url.encode()).hexdigest()
            Path(cache, key).write_bytes(files.read(f"com/knuddels/jtokkit/{name}.tiktoken"))
        encodings = {name: tiktoken.get_encoding(name) for name in NAMES}
    cases = []
    for text in HOSTILE + MORE + [long_text(2000)]:
        cases.append({"text": text, **{n: e.encode_ordinary(text) for n, e in encodings.items()}})
    golden = {"tiktoken": tiktoken.__version__, "cases": cases}
    Path(out).write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
