package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.POJONode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.golden.Golden;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/** Every number of every family's config.json, replaced by each of a list: it opens with finite numbers, or is a Problem. */
class HostileNumbersTest {

    private static final List<String> NUMBERS = List.of(
            "1e999",
            "-1e999",
            "1e308",
            "-1e308",
            "1e39",
            "1e-320",
            "-1",
            "0",
            "-0.0",
            "0.5",
            "1.5",
            "2147483647",
            "2147483648",
            "1073741823",
            "9223372036854775808",
            "\"7\"",
            "\"NaN\"",
            "true");

    /** Values that no field of a model may have: where one is read, the Problem names it. */
    private static final List<String> NEVER = List.of("1e999", "-1e999", "1e308", "-1e308");

    @TempDir
    Path temp;

    static Stream<Path> models() throws IOException {
        List<Path> all = new ArrayList<>();
        for (Path root : List.of(Golden.ROOT, Golden.FAMILIES)) {
            try (Stream<Path> folders = Files.list(root)) {
                folders.filter(f -> Files.exists(f.resolve("config.json")))
                        .sorted()
                        .forEach(all::add);
            }
        }
        return all.stream();
    }

    @ParameterizedTest
    @MethodSource("models")
    void aNumberIsUnderstoodOrRefused(Path model) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (Path f : files.toList()) {
                String name = f.getFileName().toString();
                if (!name.startsWith("golden") && Files.isRegularFile(f)) Files.copy(f, temp.resolve(name));
            }
        }
        List<String> wrong = new ArrayList<>();
        JsonNode config = Json.mapper().readTree(model.resolve("config.json").toFile());
        for (String pointer : numbers(config, "")) {
            for (String number : NUMBERS) {
                Files.writeString(
                        temp.resolve("config.json"),
                        Json.mapper().writeValueAsString(with(config.deepCopy(), pointer, number)));
                try {
                    open(pointer, number);
                } catch (AssertionError e) {
                    wrong.add(e.getMessage().lines().limit(3).toList() + "");
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private void open(String pointer, String number) {
        String what = pointer + " = " + number;
        try (Checkpoint checkpoint = Checkpoint.open(temp)) {
            DecoderSpec spec = Family.open(checkpoint).spec();
            finite(Json.mapper().valueToTree(spec), what);
            for (LayerSpec layer : spec.layers()) {
                Rope rope = layer.attends() ? layer.attention().rope() : null;
                if (rope == null) continue;
                for (int length : new int[] {1, spec.maxContext()}) {
                    for (float f : RopeFrequencies.perPosition(rope, length))
                        assertThat(f).as(what).isFinite();
                }
            }
        } catch (Problem p) {
            String field = pointer.replaceAll("/[0-9]+$", "").replaceAll(".*/", "");
            if (NEVER.contains(number))
                assertThat(p.where()).as(what + ": " + p.getMessage()).contains(field);
        } catch (RuntimeException e) {
            fail(what + ": " + e, e);
        }
    }

    private static void finite(JsonNode node, String what) {
        if (node.isFloatingPointNumber()) assertThat(node.asDouble()).as(what).isFinite();
        if (node.has("eps")) assertThat(node.path("eps").asDouble()).as(what).isNotNegative();
        if (node.isContainerNode()) node.forEach(n -> finite(n, what));
    }

    private static List<String> numbers(JsonNode node, String at) {
        List<String> all = new ArrayList<>();
        if (node.isNumber()) all.add(at);
        for (int i = 0; node.isArray() && i < Math.min(2, node.size()); i++)
            all.addAll(numbers(node.get(i), at + "/" + i));
        if (node.isObject()) node.properties().forEach(e -> all.addAll(numbers(e.getValue(), at + "/" + e.getKey())));
        return all;
    }

    private static JsonNode with(JsonNode config, String pointer, String number) {
        int last = pointer.lastIndexOf('/');
        JsonNode parent = config.at(pointer.substring(0, last));
        String name = pointer.substring(last + 1);
        POJONode raw = new POJONode(new RawValue(number));
        if (parent instanceof ObjectNode object) object.set(name, raw);
        else ((ArrayNode) parent).set(Integer.parseInt(name), raw);
        return config;
    }
}
