package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.base.Json;

/**
 * ControlIds are the ids that begin and end a text, as a model's folder names them.
 *
 * @param bos begins a text, or null
 * @param eos each ends a text, in ascending order
 */
record ControlIds(Integer bos, List<Integer> eos) {

    /**
     * Reads {@code bos_token} and {@code eos_token} of tokenizer_config.json, and {@code bos_token_id} and
     * {@code eos_token_id} (a number or a list) of generation_config.json or else config.json.
     *
     * @param idOf a piece's id, or null
     */
    static ControlIds read(Path folder, Function<String, Integer> idOf) {
        JsonNode tokenizer = read(folder.resolve("tokenizer_config.json"));
        JsonNode generation = read(folder.resolve("generation_config.json"));
        JsonNode model = read(folder.resolve("config.json"));
        TreeSet<Integer> eos = new TreeSet<>(ids(generation, "eos_token_id"));
        if (eos.isEmpty()) eos.addAll(ids(model, "eos_token_id"));
        Integer named = named(tokenizer, "eos_token", idOf);
        if (named != null) eos.add(named);
        Integer bos = named(tokenizer, "bos_token", idOf);
        if (bos == null) bos = first(ids(generation, "bos_token_id"));
        if (bos == null) bos = first(ids(model, "bos_token_id"));
        return new ControlIds(bos, List.copyOf(eos));
    }

    private static Integer first(List<Integer> ids) {
        return ids.isEmpty() ? null : ids.get(0);
    }

    private static JsonNode read(Path file) {
        return Files.isRegularFile(file) ? Json.readObject(file) : Json.mapper().createObjectNode();
    }

    private static Integer named(JsonNode config, String field, Function<String, Integer> idOf) {
        JsonNode token = config.path(field);
        String content = token.isObject() ? token.path("content").textValue() : token.textValue();
        return content == null ? null : idOf.apply(content);
    }

    /** A vision model keeps its language model's ids in {@code text_config}. */
    static List<Integer> ids(JsonNode config, String field) {
        JsonNode value = config.has(field)
                ? config.get(field)
                : config.path("text_config").path(field);
        if (value.isInt()) return List.of(value.asInt());
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : value) if (id.isInt()) ids.add(id.asInt());
        return ids;
    }
}
