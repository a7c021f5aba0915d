package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.http.StrictJson;

/** Parser of one side of a comparison: {@code precision=fp16,engine=torch}, or a run's request as JSON or @FILE. */
final class SideArgument {

    private static final List<String> KEYS = List.of("model", "engine", "device", "precision", "kv_cache", "prompt");

    private SideArgument() {}

    static RunRequest parse(String text, String option) {
        String given = text == null ? "" : text.strip();
        if (given.startsWith("{")) {
            return StrictJson.read(given.getBytes(StandardCharsets.UTF_8), RunRequest.class, option);
        }
        if (given.startsWith("@")) return file(Path.of(given.substring(1)), option);
        ObjectNode tree = Json.mapper().createObjectNode();
        if (!given.isEmpty()) Pattern.compile(",").splitAsStream(given).forEach(part -> put(tree, part, option));
        return StrictJson.convert((JsonNode) tree, RunRequest.class, option);
    }

    private static void put(ObjectNode tree, String part, String option) {
        int equals = part.indexOf('=');
        String key = equals < 0 ? part : part.substring(0, equals).strip();
        if (equals < 0 || !KEYS.contains(key)) {
            throw Problem.invalid("this is not a setting of a side")
                    .where(option)
                    .expected("NAME=VALUE with one of " + String.join(", ", KEYS))
                    .found(part)
                    .instead("give the side as JSON for everything else: " + option
                            + " '{\"precision\": \"fp16\", \"interventions\": [...]}'");
        }
        String value = part.substring(equals + 1).strip();
        if (key.equals("kv_cache")) {
            tree.set(key, Json.mapper().valueToTree(Arguments.kvCache(value, option + " kv_cache")));
        } else {
            tree.put(key, value);
        }
    }

    private static RunRequest file(Path file, String option) {
        return StrictJson.read(Reads.argument(file, Reads.JSON), RunRequest.class, option + " @" + file);
    }

    /** Fills a side's missing model and prompt with those that both sides share. */
    static RunRequest with(RunRequest side, String model, String prompt, List<Integer> tokens) {
        boolean own = side.reads();
        return side.withShared(model, own ? side.prompt() : prompt, own ? side.tokens() : tokens);
    }
}
