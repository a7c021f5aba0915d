package org.llminspector.tokenize;

import java.util.List;
import java.util.Map;

/**
 * PreTokenizer is how a byte-level BPE cuts a text into words, by llama.cpp's name for it ({@code tokenizer.ggml.pre}).
 * Sources: llama.cpp's llama-vocab.cpp, and the tokenizer.json of the models that it names.
 *
 * @param nfc whether the text is normalised to NFC first
 * @param digits whether every digit stands alone
 * @param split the regular expression whose matches are words; null for GPT-2's own
 * @param wholeWords whether a word that is in the vocabulary is taken without merging
 * @param bos whether BOS is added where the file does not say
 */
record PreTokenizer(boolean nfc, boolean digits, String split, boolean wholeWords, boolean bos) {

    private static final String END = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private static final String WORDS = SUFFIX + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
    /** Also cl100k_base's. */
    static final String LLAMA3 = WORDS + "|\\p{N}{1,3}" + END;

    private static final String QWEN2 = WORDS + "|\\p{N}" + END;
    private static final String UPPER = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    private static final String CASED_END = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    private static final String TEKKEN = UPPER + "*" + LOWER + "+|" + UPPER + "+" + LOWER + "*|\\p{N}" + CASED_END;
    /** Also o200k_base's. */
    static final String GPT4O = UPPER + "*" + LOWER + "+" + SUFFIX + "?|" + UPPER + "+" + LOWER + "*" + SUFFIX
            + "?|\\p{N}{1,3}" + CASED_END;

    private static final PreTokenizer GPT2 = new PreTokenizer(false, false, null, false, false);
    private static final PreTokenizer NEOX = new PreTokenizer(true, false, null, false, false);
    private static final PreTokenizer DIGITS = new PreTokenizer(false, true, null, false, false);
    private static final PreTokenizer LLAMA_BPE = new PreTokenizer(false, false, LLAMA3, true, true);
    private static final PreTokenizer QWEN = new PreTokenizer(true, false, QWEN2, false, false);
    private static final PreTokenizer GPT_4O = new PreTokenizer(false, false, GPT4O, false, false);

    private static final Map<String, PreTokenizer> ALL = Map.ofEntries(
            // Without a name, GPT-2's, as transformers takes it.
            Map.entry("default", GPT2),
            Map.entry("gpt-2", GPT2),
            Map.entry("gpt2", GPT2),
            Map.entry("phi-2", GPT2),
            Map.entry("jina-en", GPT2),
            Map.entry("exaone4", GPT2),
            Map.entry("trillion", GPT2),
            Map.entry("olmo", NEOX),
            Map.entry("mpt", NEOX),
            Map.entry("gpt-neox", NEOX),
            Map.entry("smollm", DIGITS),
            Map.entry("starcoder", DIGITS),
            Map.entry("refact", DIGITS),
            Map.entry("command-r", DIGITS),
            Map.entry("codeshell", DIGITS),
            Map.entry("llama-bpe", LLAMA_BPE),
            Map.entry("llama3", LLAMA_BPE),
            Map.entry("llama-v3", LLAMA_BPE),
            Map.entry("falcon3", LLAMA_BPE),
            Map.entry("dbrx", new PreTokenizer(false, false, LLAMA3, false, false)),
            Map.entry("smaug-bpe", new PreTokenizer(false, false, LLAMA3, false, false)),
            Map.entry("qwen2", QWEN),
            Map.entry("deepseek-r1-qwen", QWEN),
            Map.entry("stablelm2", new PreTokenizer(false, false, QWEN2, false, false)),
            Map.entry("tekken", new PreTokenizer(false, false, TEKKEN, true, true)),
            Map.entry("gpt-4o", GPT_4O),
            Map.entry("llama4", GPT_4O));

    /** The one of this name, or null. */
    static PreTokenizer of(String name) {
        return ALL.get(name);
    }

    static List<String> names() {
        return ALL.keySet().stream().sorted().toList();
    }
}
