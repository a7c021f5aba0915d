#!/usr/bin/env python3
"""Makes the golden of the order in which merges happen: 2,000 strings, four tokenizers.

    python scripts/golden/make_merges.py JTOKKIT_JAR inspector-core/src/test/resources

For each string and tokenizer: how many merges, and the CRC-32 of their ranks in order, written as decimal numbers with
commas between. The merges are done here in the plainest way (the lowest rank of all neighbours, of equal ranks the
leftmost, again and again), and end in the ids that tiktoken and tokenizers give for the string, which is checked.
Also makes the tiny Unigram tokenizer of the tests, and what tokenizers says of it. Needs: tiktoken, tokenizers.
"""

import hashlib
import json
import os
import random
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import tiktoken
from make_tokenizers import HOSTILE, TEXT
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SCRIPTS = [
    "der schnelle braune Fuchs springt über den faulen Hund",
    "être ou ne pas être, voilà la question",
    "съешь ещё этих мягких французских булок да выпей чаю",
    "η γρήγορη καφετιά αλεπού πηδά πάνω από το σκύλο",
    "敏捷的棕色狐狸跳过了懒狗 今日は良い天気ですね",
    "الثعلب البني السريع يقفز فوق الكلب الكسول",
    "तेज भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "😀 👩‍👩‍👧 🇩🇪 ½ €100 — “quoted” …",
    "def f(x):\n\treturn x**2 + 1  # comment\nprint(f(3.14159))",
    "IT'S we'Ll HTTPServer camelCase snake_case 12345 3.14e-10",
]


def strings():
    rng = random.Random(15)
    words = (TEXT + "\n" + "\n".join(SCRIPTS)).split(" ")
    out = [s for s in HOSTILE if len(s) < 200]
    while len(out) < 2000:
        kind = rng.random()
        if kind < 0.6:
            start = rng.randrange(len(words))
            out.append(" ".join(words[start : start + rng.randrange(1, 7)]))
        elif kind < 0.8:
            out.append(rng.choice(["", " ", "\n"]) + "".join(rng.choice("abcdefghinorstu ") for _ in range(rng.randrange(1, 24))))
        else:
            text = rng.choice(SCRIPTS)
            at = rng.randrange(len(text))
            out.append(text[at : at + rng.randrange(1, 12)])
    return out


def merge(symbols, rank_of):
    """Symbols to tokens; rank_of(left, right) is (rank, joined) or None. Gives the tokens and the ranks in order."""
    ranks = []
    while True:
        best = None
        for i in range(len(symbols) - 1):
            found = rank_of(symbols[i], symbols[i + 1])
            if found and (best is None or found[0] < best[0]):
                best = (found[0], i, found[1])
        if best is None:
            return symbols, ranks
        ranks.append(best[0])
        symbols = symbols[: best[1]] + [best[2]] + symbols[best[1] + 2 :]


def of_tiktoken(encoding, text):
    import regex

    table = encoding._mergeable_ranks
    ids, ranks = [], []
    for word in regex.findall(encoding._pat_str, text):
        raw = word.encode()
        if raw in table:  # tiktoken looks there first; its merges are told when they lead there too
            whole, way = merge([bytes([b]) for b in raw], lambda a, b: (table[a + b], a + b) if a + b in table else None)
            ids.append(table[raw])
            if whole == [raw]:
                ranks += way
            continue
        symbols, way = merge([bytes([b]) for b in raw], lambda a, b: (table[a + b], a + b) if a + b in table else None)
        ids += [table[s] for s in symbols]
        ranks += way
    assert ids == encoding.encode_ordinary(text), text
    return ranks


class OfTokenizers:
    """A tokenizer.json with BPE merges; the symbols are those of the same file without its merges."""

    def __init__(self, path):
        self.whole = Tokenizer.from_file(str(path))
        raw = json.loads(Path(path).read_text())
        merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in raw["model"]["merges"]]
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        raw["model"]["merges"] = []
        raw["post_processor"] = None
        self.bare = Tokenizer.from_str(json.dumps(raw))

    def ranks_of(self, text):
        words = {}
        bare = self.bare.encode(text, add_special_tokens=False)
        for token, word in zip(bare.tokens, bare.word_ids):
            words.setdefault(word, []).append(token)
        tokens, ranks = [], []
        for _, symbols in sorted(words.items(), key=lambda w: w[0]):
            done, way = merge(symbols, lambda a, b: (self.ranks[a, b], a + b) if (a, b) in self.ranks else None)
            tokens += done
            ranks += way
        assert tokens == self.whole.encode(text, add_special_tokens=False).tokens, text
        return ranks


def unigram(folder):
    """A Unigram tokenizer of 200 pieces in the layout of T5: ▁ for spaces, byte fallback."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC()])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
    )
    t.train_from_iterator(TEXT.strip().split("\n"), trainer)
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", t.token_to_id("</s>"))])
    folder.mkdir(exist_ok=True)
    t.save(str(folder / "tokenizer.json"))
    cases = []
    for text in [s for s in HOSTILE if len(s) < 200] + strings()[100:300]:
        e = t.encode(text, add_special_tokens=False)
        cases.append({"text": text, "ids": e.ids})
    scores = {piece: score for piece, score in json.loads(t.to_str())["model"]["vocab"]}
    golden = {"scores": scores, "cases": cases}
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main(jar, resources):
    resources = Path(resources)
    with tempfile.TemporaryDirectory() as cache, zipfile.ZipFile(jar) as files:
        os.environ["TIKTOKEN_CACHE_DIR"] = cache
        for name in ["cl100k_base", "o200k_base"]:
            url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
            key = hashlib.sha1(url.encode()).hexdigest()
            Path(cache, key).write_bytes(files.read(f"com/knuddels/jtokkit/{name}.tiktoken"))
        encodings = {name: tiktoken.get_encoding(name) for name in ["cl100k_base", "o200k_base"]}
    ours = {name: OfTokenizers(resources / "tokenizers" / name / "tokenizer.json") for name in ["bytelevel", "spm"]}
    cases = []
    for text in strings():
        ranks = {name: of_tiktoken(e, text) for name, e in encodings.items()}
        ranks |= {name: t.ranks_of(text) for name, t in ours.items()}
        case = {n: [len(r), zlib.crc32(",".join(map(str, r)).encode())] for n, r in ranks.items()}
        cases.append({"text": text, **case})
    (resources / "merges.json").write_text(json.dumps({"cases": cases}, separators=(",", ":"), ensure_ascii=False) + "\n")
    unigram(resources / "tokenizers" / "unigram")


if __name__ == "__main__":
    main(*sys.argv[1:])
