#!/usr/bin/env python3
"""Makes the golden of the byte-level BPE trainer: what Hugging Face's BpeTrainer learns from the same texts.

    python scripts/golden/make_bpe.py > inspector-core/src/test/resources/bpe.json

The texts are written for this file: some words often, many as often as others (ties), runs of one letter (pairs that
overlap), digits, contractions, spaces of all sorts, and bytes beyond ASCII. Needs: tokenizers.
"""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CONTROL = ["<|begin|>", "<|end|>"]
SIZE = 420
TEXTS = [
    "Once upon a time there was a small machine that liked to read.",
    "It read the words on the wall, the words on the tins, and the words that the wind wrote on the sand.",
    "aaaa aaaaa aaaaaa banana bananas bandana aa aaa",
    "Every word it read became a number, and every number became a place.",
    "It's what they're doing, isn't it? I'd say we've seen 12 of 120, or 1200.",
    "  two  spaces\n\nand a\ttab, \r\n and the end.   ",
    "na\u00efve caf\u00e9 \u65e5\u672c\u8a9e \u65e5\u672c \U0001f600\U0001f600 stra\u00dfe",
    "the words were near when the words were near, and the words were far when the words were far",
]
CASES = TEXTS + ["", " ", "a", "machine", "unseen words: zebra, quagga!", "aaaaaaaaaaaaa", "\u00e9\u00e9\u00e9 \u65e5", "1201 12's"]

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=SIZE,
    special_tokens=CONTROL,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
tokenizer.train_from_iterator(TEXTS, trainer)
model = json.loads(tokenizer.to_str())["model"]
print(
    json.dumps(
        {
            "texts": TEXTS,
            "control": CONTROL,
            "size": SIZE,
            "pieces": sorted(model["vocab"], key=model["vocab"].get),
            "merges": [" ".join(m) for m in model["merges"]],
            "cases": [{"text": t, "ids": tokenizer.encode(t).ids} for t in CASES],
        },
        ensure_ascii=True,
    )
)
