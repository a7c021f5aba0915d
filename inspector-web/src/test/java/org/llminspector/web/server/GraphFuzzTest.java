package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.jqwik.api.Example;
import org.llminspector.checkpoint.Mutator;

/** Mutants of an .onnx file: numbers written over others, and values that are read in one another's place. */
class GraphFuzzTest extends ServedFuzzTest {

    private static final byte[] GRAPH = resource("golden/onnx/llama/model.onnx");
    private static final String LATIN = new String(GRAPH, StandardCharsets.ISO_8859_1);
    private static final List<String> VALUES = values();

    /** Names of values: what looks like one in the file. */
    private static List<String> values() {
        List<String> found = new ArrayList<>();
        Matcher m = Pattern.compile("/[A-Za-z0-9_./]{6,80}_output_0").matcher(LATIN);
        while (m.find()) found.add(m.group());
        return found;
    }

    @Override
    protected List<String> files() {
        return List.of("golden/onnx/llama/config.json");
    }

    @Override
    protected String mutated() {
        return "model.onnx";
    }

    /** Each that passes the first door opens in another process: 300 would take a minute. */
    @Override
    protected int few() {
        return 100;
    }

    @Override
    protected byte[] mutant(Mutator m) {
        if (m.oneIn(2)) return renamed(m);
        byte[] bytes = GRAPH;
        for (int n = 1 + m.below(3); n > 0; n--) bytes = m.overwritten(bytes);
        return m.oneIn(8) ? m.spliced(bytes) : bytes;
    }

    /** One mention of a value becomes another of the same length. */
    private static byte[] renamed(Mutator m) {
        String from = VALUES.get(m.below(VALUES.size()));
        List<String> others = VALUES.stream()
                .filter(v -> v.length() == from.length() && !v.equals(from))
                .toList();
        if (others.isEmpty()) return m.overwritten(GRAPH);
        List<Integer> places = new ArrayList<>();
        for (int at = LATIN.indexOf(from); at >= 0; at = LATIN.indexOf(from, at + 1)) places.add(at);
        int at = places.get(m.below(places.size()));
        String to = others.get(m.below(others.size()));
        return (LATIN.substring(0, at) + to + LATIN.substring(at + to.length())).getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Its logits have one axis: the 3,948th of the 5,000 of -Plong. */
    @Example
    void thoseThatWereOnceADefectOfOurs() throws IOException {
        assertThat(opens(1560730248926871239L)).isFalse();
    }

    @Override
    protected void use(String slug) {
        String run = ask("POST", "/api/v1/runs", "{\"model\":\"" + slug + "\",\"tokens\":[1,2,3]}")
                .path("id")
                .asText();
        assertThat(run).isNotEmpty();
    }
}
