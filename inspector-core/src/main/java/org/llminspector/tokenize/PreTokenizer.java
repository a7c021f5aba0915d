package org.llminspector.tokenize;

import java.util.List;
import java.util.Map;

/**
 * Pre-tokenization of a byte-level BPE, by llama.cpp's name for it ({@code tokenizer.ggml.pre}). Sources: llama.cpp's
 * llama-vocab.cpp, and the tokenizer.json of the models that it names.
 *
 * @param nfc whether the text is normalized to NFC first
 * @param steps tokenizer.json's pre_tokenizers, in order
 * @param wholeWords whether a word that is in the vocabulary is taken without merging
 * @param bos whether BOS is added where the file does not say
 */
record PreTokenizer(boolean nfc, List<Map<String, Object>> steps, boolean wholeWords, boolean bos) {

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

    /** BLOOM's: runs of characters that are neither spaces nor punctuation of many scripts. */
    private static final String NO_PUNCTUATION = " ?[^(\\s|.,!?…。，、।۔،)]+";

    private static final String HAN_AND_KANA = "[一-龥\u3040-ゟ゠-ヿ]+";
    private static final String DEEPSEEK3 =
            "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                    + "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

    private static final Map<String, Object> DIGIT = Map.of("type", "Digits", "individual_digits", true);

    private static final PreTokenizer GPT2 = words(List.of(bytes(true)));
    private static final PreTokenizer NEOX = new PreTokenizer(true, List.of(bytes(true)), false, false);
    private static final PreTokenizer DIGITS = words(List.of(DIGIT, bytes(true)));
    private static final PreTokenizer LLAMA_BPE =
            new PreTokenizer(false, List.of(split(LLAMA3), bytes(false)), true, true);
    private static final PreTokenizer QWEN = new PreTokenizer(true, List.of(split(QWEN2), bytes(false)), false, false);
    private static final PreTokenizer GPT_4O = words(List.of(split(GPT4O), bytes(false)));
    private static final PreTokenizer FALCON = words(
            List.of(Map.of("type", "Punctuation", "behavior", "Contiguous"), bytes(true), split("[0-9][0-9][0-9]")));

    private static PreTokenizer words(List<Map<String, Object>> steps) {
        return new PreTokenizer(false, steps, false, false);
    }

    private static Map<String, Object> split(String regex) {
        return Map.of("type", "Split", "pattern", Map.of("Regex", regex), "behavior", "Isolated", "invert", false);
    }

    /** Bytes as characters, after splitting into GPT-2's words if {@code words}. */
    static Map<String, Object> bytes(boolean words) {
        return Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", false, "use_regex", words);
    }

    private static final Map<String, PreTokenizer> ALL = Map.ofEntries(
            // GPT-2's where the file names none, as in transformers.
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
            Map.entry("dbrx", words(List.of(split(LLAMA3), bytes(false)))),
            Map.entry("smaug-bpe", words(List.of(split(LLAMA3), bytes(false)))),
            Map.entry("pixtral", LLAMA_BPE),
            Map.entry("chatglm-bpe", words(List.of(split(LLAMA3), bytes(false)))),
            Map.entry("glm4", new PreTokenizer(false, List.of(split(LLAMA3), bytes(false)), true, false)),
            Map.entry("falcon", FALCON),
            Map.entry("bloom", words(List.of(split(NO_PUNCTUATION), bytes(false)))),
            Map.entry(
                    "deepseek-v3",
                    words(List.of(split("\\p{N}{1,3}"), split(HAN_AND_KANA), split(DEEPSEEK3), bytes(false)))),
            Map.entry("qwen2", QWEN),
            Map.entry("deepseek-r1-qwen", QWEN),
            Map.entry("stablelm2", words(List.of(split(QWEN2), bytes(false)))),
            Map.entry("tekken", new PreTokenizer(false, List.of(split(TEKKEN), bytes(false)), true, true)),
            Map.entry("gpt-4o", GPT_4O),
            Map.entry("llama4", GPT_4O));

    /** The pre-tokenizer with this name, or null. */
    static PreTokenizer of(String name) {
        return ALL.get(name);
    }

    static List<String> names() {
        return ALL.keySet().stream().sorted().toList();
    }
}
