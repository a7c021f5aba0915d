package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * The ids that begin and end a text, as named in a model's folder.
 *
 * @param bos begins a text, or null
 * @param eos each ends a text, in ascending order
 */
record ControlIds(Integer bos, List<Integer> eos) {

    private static final String GENERATION = "generation_config.json";
    private static final String MODEL = "config.json";

    /**
     * Reads {@code bos_token} and {@code eos_token} of tokenizer_config.json, and {@code bos_token_id} and
     * {@code eos_token_id} (a number or a list) of generation_config.json or else config.json.
     *
     * @param idOf a piece's id, or null
     */
    static ControlIds read(Path folder, Function<String, Integer> idOf) {
        JsonNode tokenizer = read(folder.resolve("tokenizer_config.json"));
        JsonNode generation = read(folder.resolve(GENERATION));
        JsonNode model = read(folder.resolve(MODEL));
        TreeSet<Integer> eos = new TreeSet<>(ids(generation, "eos_token_id", folder.resolve(GENERATION)));
        if (eos.isEmpty()) eos.addAll(ids(model, "eos_token_id", folder.resolve(MODEL)));
        Integer named = named(tokenizer, "eos_token", idOf);
        if (named != null) eos.add(named);
        Integer bos = named(tokenizer, "bos_token", idOf);
        if (bos == null) bos = first(ids(generation, "bos_token_id", folder.resolve(GENERATION)));
        if (bos == null) bos = first(ids(model, "bos_token_id", folder.resolve(MODEL)));
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

    /**
     * The ids of a field, empty where it is absent or null. A vision model has its language model's in {@code
     * text_config}.
     *
     * @param file that contains it
     * @throws Problem INVALID for anything but whole numbers of 32 bits
     */
    static List<Integer> ids(JsonNode config, String field, Path file) {
        JsonNode value = config.has(field)
                ? config.get(field)
                : config.path("text_config").path(field);
        if (value.isMissingNode() || value.isNull()) return List.of();
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : value.isArray() ? value : List.of(value)) {
            if (!id.isIntegralNumber() || !id.canConvertToInt()) {
                throw Problem.invalid("a token id is no whole number")
                        .where(file + ", field " + field)
                        .expected("a whole number, or a list of them")
                        .found(Problem.shown(id.toString()));
            }
            ids.add(id.asInt());
        }
        return ids;
    }
}
