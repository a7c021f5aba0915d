package org.llminspector.tokenize;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** Writer of a vocabulary as tokenizer.json and tokenizer_config.json, which Hugging Face's libraries read too. */
public final class BpeFile {

    private BpeFile() {}

    /**
     * The texts and limits that a model expects.
     *
     * @param bos begins every text
     * @param eos ends every text and every message
     * @param chatTemplate Jinja, or null
     * @param context how many tokens the model can read
     */
    public record Settings(String bos, String eos, String chatTemplate, int context) {}

    /** Writes both files into the folder, which is created. */
    public static void write(BpeTrainer.Vocabulary vocabulary, Settings settings, Path folder) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("tokenizer.json"), Json.write(tokenizer(vocabulary, settings)) + "\n");
            Files.writeString(folder.resolve("tokenizer_config.json"), Json.write(config(settings)) + "\n");
        } catch (IOException e) {
            throw Problem.invalid("the tokenizer cannot be written")
                    .where(folder)
                    .found(e.getMessage())
                    .causedBy(e);
        }
    }

    private static Map<String, Object> tokenizer(BpeTrainer.Vocabulary vocabulary, Settings settings) {
        List<Object> added = new ArrayList<>();
        for (int id = 0; id < vocabulary.control().size(); id++) {
            added.add(map(
                    "id",
                    id,
                    "content",
                    vocabulary.control().get(id),
                    "single_word",
                    false,
                    "lstrip",
                    false,
                    "rstrip",
                    false,
                    "normalized",
                    false,
                    "special",
                    true));
        }
        Map<String, Object> vocab = new LinkedHashMap<>();
        for (String piece : vocabulary.pieces()) vocab.put(piece, vocab.size());
        int bos = vocabulary.control().indexOf(settings.bos());
        Object bosStep = map("SpecialToken", map("id", settings.bos(), "type_id", 0));
        Object textA = map("Sequence", map("id", "A", "type_id", 0));
        Object textB = map("Sequence", map("id", "B", "type_id", 1));
        Object special =
                map(settings.bos(), map("id", settings.bos(), "ids", List.of(bos), "tokens", List.of(settings.bos())));
        return map(
                "version",
                "1.0",
                "truncation",
                null,
                "padding",
                null,
                "added_tokens",
                added,
                "normalizer",
                null,
                "pre_tokenizer",
                map("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true, "use_regex", true),
                "post_processor",
                map(
                        "type",
                        "TemplateProcessing",
                        "single",
                        List.of(bosStep, textA),
                        "pair",
                        List.of(bosStep, textA, textB),
                        "special_tokens",
                        special),
                "decoder",
                map("type", "ByteLevel", "add_prefix_space", true, "trim_offsets", true, "use_regex", true),
                "model",
                map(
                        "type",
                        "BPE",
                        "dropout",
                        null,
                        "unk_token",
                        null,
                        "continuing_subword_prefix",
                        null,
                        "end_of_word_suffix",
                        null,
                        "fuse_unk",
                        false,
                        "byte_fallback",
                        false,
                        "ignore_merges",
                        false,
                        "vocab",
                        vocab,
                        "merges",
                        vocabulary.merges()));
    }

    private static Map<String, Object> config(Settings settings) {
        Map<String, Object> config = map(
                "tokenizer_class", "PreTrainedTokenizerFast",
                "bos_token", settings.bos(),
                "eos_token", settings.eos(),
                "pad_token", settings.eos(),
                "model_max_length", settings.context(),
                "clean_up_tokenization_spaces", false);
        if (settings.chatTemplate() != null) config.put("chat_template", settings.chatTemplate());
        return config;
    }

    private static Map<String, Object> map(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        return map;
    }
}
