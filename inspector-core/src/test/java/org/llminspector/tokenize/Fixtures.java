package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.llminspector.base.Json;

/** Fixtures are the tokenizers of src/test/resources, and what scripts/golden/make_tokenizers.py says of them. */
final class Fixtures {

    static final Tokenizer BYTE_LEVEL = Tokenizer.open(folder("bytelevel")).orElseThrow();
    static final Tokenizer SPM = Tokenizer.open(folder("spm")).orElseThrow();

    private Fixtures() {}

    static Path folder(String name) {
        return Path.of("src/test/resources/tokenizers").resolve(name);
    }

    static Tokenizer of(String name) {
        return name.equals("spm") ? SPM : BYTE_LEVEL;
    }

    static JsonNode golden(String name) {
        return Json.readObject(folder(name).resolve("golden.json"));
    }

    /** Every text of a golden: hostile strings and one of 5,000 code points. */
    static List<String> texts(String name) {
        List<String> texts = new ArrayList<>();
        for (JsonNode c : golden(name).get("cases")) texts.add(c.get("text").asText());
        return texts;
    }

    /** A tokenizer made from a fixture with its JSON changed. */
    static Tokenizer changed(String name, Path folder, Consumer<ObjectNode> change) {
        ObjectNode json = (ObjectNode) Json.readObject(folder(name).resolve("tokenizer.json"));
        change.accept(json);
        try {
            Files.writeString(folder.resolve("tokenizer.json"), json.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Tokenizer.open(folder).orElseThrow();
    }

    static List<Integer> ids(JsonNode array) {
        List<Integer> ids = new ArrayList<>();
        for (JsonNode id : array) ids.add(id.asInt());
        return ids;
    }

    static List<Integer> ids(List<Token> tokens) {
        return tokens.stream().map(Token::id).toList();
    }

    static String streamed(Tokenizer tokenizer, List<Integer> prompt, List<Integer> ids) {
        Tokenizer.TextStream stream = tokenizer.stream(prompt);
        StringBuilder text = new StringBuilder();
        for (int id : ids) text.append(stream.push(id));
        return text.append(stream.finish()).toString();
    }
}
