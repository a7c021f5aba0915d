#!/usr/bin/env python3
"""Makes the two tiny tokenizers that the tests use, and their goldens.

    python scripts/golden/make_tokenizers.py inspector-core/src/test/resources/tokenizers

bytelevel  byte-level BPE in the layout of GPT-2 (pre_tokenizer, post_processor and decoder ByteLevel), 400 ids,
           a control token and an added token that is not one
spm        BPE with byte fallback in the layout of Llama 2 (Prepend/Replace, ByteFallback, Fuse, Strip), 320 ids
           exactly, so that it fits the golden llama model (vocab_size 320)

A golden is a list of cases, made by Python's tokenizers: text, and with and without special tokens the ids,
offsets (code points, [start, end) in the text) and decoded texts. Needs: tokenizers.
"""

import json
import random
import sys
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

# Written for this file. Small on purpose: the vocabulary has room for little more than the letters.
TEXT = """
Once upon a time there was a small machine that liked to read. It read the words on the wall, the words on
the tins in the shop, and the words that the wind wrote on the sand. Every word it read became a number, and
every number became a place, and the places were near when the words were near.
One day a girl came to the machine and said, "What do you see when you read?" The machine said, "I see the
words that came before, and I look at each of them, some a little and some a lot." The girl laughed. "Then
you are like me," she said. "When I read that the cat sat on the mat, I look back to see who sat."
So they read together. They read about the sea and the stars, about a fox who ran and a bird who sang, and
about a king who lost his crown in the rain. When the story was at an end, the machine said the next word,
and the next, and the next, until there was a new story, and nobody had told it before.
"""

# What a person, a web page or a fuzzer sends.
HOSTILE = [
    "",
    " ",
    "  ",
    "   \u2581 ",
    "\n",
    "\r\n\t",
    "\t\ttabs\tand  spaces   ",
    "a",
    " a",
    "a ",
    "Hello",
    " Hello",
    "Once upon a time",
    "Once upon a time there was a small machine.\nThe end.",
    "  two  spaces",
    "trailing newline\n",
    "\n\nblank lines\n\n\n",
    "na\u00efve caf\u00e9 \u2014 42 \u20ac",
    "cafe\u0301 e\u0301\u0301 combining",
    "\u0301alone",
    "\U0001f600",
    "a\U0001f600b",
    "\U0001f600\U0001f601 \U0001f602",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "\U0001f1e9\U0001f1ea flag \u2764\ufe0f",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01",
    "\ud55c\uad6d\uc5b4 \ubb38\uc7a5",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u202eoverride\u202c",
    "\u0000",
    "a\u0000b",
    "\u0001\u0002\u001b[31mred\u007f",
    "\u00a0no-break\u3000ideographic\u200bzero-width",
    "\ufeffbom",
    "\ufffd replacement",
    "\ud7ff\ue000\uffff",
    "\U0010ffff\U00010000",
    "\u2581",
    "\u2581word\u2581",
    "\u0120G-dot and \u010a",
    "<0x0A>",
    "text<0xE2>text",
    "<s>",
    "</s>",
    "<s>Once</s>",
    "a<s> b </s>c",
    "<|endoftext|>",
    "a <|endoftext|> b",
    "<think>so</think>",
    " <think> so",
    "<unk>",
    "< s >",
    "I don't, you're, it's 1234567 done!?",
    "{\"json\": [1, 2.5e-3, null], \"k\": \"v\"}",
    "for (int i = 0; i < n; i++) {\n\treturn x[i];\n}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "                                ",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947",
    "\u1e9b\u0323 \ufb01 \u2126 \u212b",
    "mixed \U0001f680\u65e5 \u05d0b\u0301 <s>\U0001f600</s>",
]


def long_text(characters):
    """A text of this many code points that mixes everything above, always the same."""
    rng = random.Random(20)
    out = ""
    while len(out) < characters:
        out += rng.choice(TEXT.split()) if rng.random() < 0.9 else rng.choice(HOSTILE[:40])
        out += " "
    return out[:characters]


def train(tokenizer, vocab_size, **more):
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, show_progress=False, **more)
    tokenizer.train_from_iterator(TEXT.strip().split("\n"), trainer)


def bytelevel():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    train(tokenizer, 398, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def spm():
    control = ["<unk>", "<s>", "</s>"]
    fallback = [f"<0x{b:02X}>" for b in range(256)]
    # Trained over words, then put into Llama's layout, which has no pre_tokenizer.
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    train(trained, 320, special_tokens=control + fallback, limit_alphabet=28)
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(m) for m in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=model["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(c, special=True, normalized=False) for c in control])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    assert tokenizer.get_vocab_size() == 320, tokenizer.get_vocab_size()
    return tokenizer


def case(tokenizer, text):
    entry = {"text": text}
    for name, special in (("plain", False), ("special", True)):
        e = tokenizer.encode(text, add_special_tokens=special)
        entry[name] = {
            "ids": e.ids,
            "offsets": [list(o) for o in e.offsets],
            "decoded": tokenizer.decode(e.ids, skip_special_tokens=False),
            "decoded_skip": tokenizer.decode(e.ids, skip_special_tokens=True),
        }
    return entry


def decode_case(tokenizer, ids):
    return {
        "ids": ids,
        "decoded": tokenizer.decode(ids, skip_special_tokens=False),
        "decoded_skip": tokenizer.decode(ids, skip_special_tokens=True),
    }


def write(folder, tokenizer, config):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    rng = random.Random(7)
    size = tokenizer.get_vocab_size()
    golden = {
        "tokenizers": tokenizers.__version__,
        "cases": [case(tokenizer, t) for t in HOSTILE + [long_text(5000)]],
        # What a random model would write: broken characters, control tokens in the middle.
        "decode": [decode_case(tokenizer, [rng.randrange(size) for _ in range(n)]) for n in (1, 2, 3, 5, 8, 13, 40, 200)],
        "each": [decode_case(tokenizer, [i])["decoded"] for i in range(size)],
    }
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main(out):
    write(
        out / "bytelevel",
        bytelevel(),
        {
            "tokenizer_class": "GPT2Tokenizer",
            "bos_token": "<|endoftext|>",
            "eos_token": {"__type": "AddedToken", "content": "<|endoftext|>", "special": True},
            "clean_up_tokenization_spaces": False,
        },
    )
    write(
        out / "spm",
        spm(),
        {
            "tokenizer_class": "LlamaTokenizer",
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "add_bos_token": True,
            "legacy": True,
            "clean_up_tokenization_spaces": False,
        },
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
