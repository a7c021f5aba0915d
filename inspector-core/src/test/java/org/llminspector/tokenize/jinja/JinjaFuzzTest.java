package org.llminspector.tokenize.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** A damaged template gives a text or a Problem, and nothing else. */
class JinjaFuzzTest {

    private static final List<String> TEMPLATES = templates();
    private static final Map<String, Object> VARIABLES = Map.of(
            "messages",
            List.of(Map.of("role", "user", "content", "hi"), Map.of("role", "assistant", "content", List.of(1))));

    @Property(tries = 1_000, seed = "20251125", edgeCases = EdgeCasesMode.NONE)
    void aDamagedTemplateIsAProblem(@ForAll("damaged") String template) {
        render(template);
    }

    @Tag("long")
    @Property(tries = 100_000, edgeCases = EdgeCasesMode.NONE)
    void manyDamagedTemplates(@ForAll("damaged") String template) {
        render(template);
    }

    private static void render(String template) {
        try {
            Jinja.compile(template, "file", Clock.systemUTC()).render(VARIABLES);
        } catch (Problem expected) {
            // the only exception there may be
        }
    }

    /** A template with a piece of it, or of another, put in another place. */
    @Provide
    Arbitrary<String> damaged() {
        Arbitrary<String> templates = Arbitraries.of(TEMPLATES);
        Arbitrary<Integer> places = Arbitraries.integers().between(0, 999);
        return Combinators.combine(templates, templates, places, places, places, places)
                .as((a, b, from, to, at, cut) -> {
                    int start = b.length() * Math.min(from, to) / 1000;
                    int end = Math.min(start + 20, b.length() * Math.max(from, to) / 1000);
                    int place = a.length() * at / 1000;
                    int rest = Math.min(a.length(), place + cut % 8);
                    return a.substring(0, place) + b.substring(start, Math.max(start, end)) + a.substring(rest);
                });
    }

    private static List<String> templates() {
        List<String> templates = new ArrayList<>();
        for (JsonNode c :
                Json.readObject(Path.of("src/test/resources/chat/jinja.json")).get("cases")) {
            templates.add(c.get("template").asText());
        }
        return templates;
    }
}
