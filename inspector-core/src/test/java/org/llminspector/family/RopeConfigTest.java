package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/** Every RoPE scaling in both spellings, against what transformers computes (scripts/golden/make_rope.py). */
class RopeConfigTest {

    private static final JsonNode GOLDEN = Json.readObject(Path.of("src/test/resources/rope.json"));

    @TestFactory
    List<DynamicTest> frequencies() {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonNode c : GOLDEN.path("cases")) {
            String name = c.path("name").asText() + " at " + c.path("length").asInt();
            tests.add(DynamicTest.dynamicTest(name + ", as transformers 5 spells it", () -> check(c, five(c))));
            tests.add(DynamicTest.dynamicTest(name + ", as transformers 4 spells it", () -> check(c, four(c))));
        }
        return tests;
    }

    private static void check(JsonNode c, ObjectNode config) {
        int dHead = GOLDEN.path("d_head").asInt();
        Rope rope = RopeConfig.read(
                new Config(config, Path.of("config.json")),
                dHead,
                c.path("context").asInt(),
                10_000);
        float[] ours = RopeFrequencies.perPosition(rope, c.path("length").asInt());
        assertThat(ours).hasSize(dHead / 2);
        for (int i = 0; i < ours.length; i++) {
            float reference = (float) c.path("inv_freq").get(i).asDouble();
            assertThat(ours[i]).isCloseTo(reference, org.assertj.core.data.Offset.offset(Math.ulp(reference) * 2));
        }
        assertThat((double) RopeFrequencies.attentionFactor(rope))
                .isCloseTo(c.path("attention_factor").asDouble(), org.assertj.core.data.Offset.offset(1e-6));
    }

    private static ObjectNode five(JsonNode c) {
        ObjectNode config = Json.mapper().createObjectNode();
        ObjectNode rope = c.path("scaling").deepCopy();
        rope.set("rope_theta", c.path("theta"));
        config.set("rope_parameters", rope);
        return config;
    }

    private static ObjectNode four(JsonNode c) {
        ObjectNode config = Json.mapper().createObjectNode();
        ObjectNode rope = c.path("scaling").deepCopy();
        rope.set("type", rope.remove("rope_type"));
        config.set("rope_scaling", rope);
        config.set("rope_theta", c.path("theta"));
        return config;
    }

    @Test
    void anUnknownScalingIsRefusedByName() {
        ObjectNode config = Json.mapper().createObjectNode();
        config.putObject("rope_scaling").put("rope_type", "spiral").put("factor", 2.0);
        assertThatThrownBy(() -> RopeConfig.read(new Config(config, Path.of("config.json")), 32, 64, 10_000))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("rope_scaling.rope_type")
                .hasMessageContaining("spiral")
                .hasMessageContaining("llama3");
    }

    @Test
    void aMissingFactorIsRefusedByName() {
        ObjectNode config = Json.mapper().createObjectNode();
        config.putObject("rope_scaling").put("rope_type", "linear");
        assertThatThrownBy(() -> RopeConfig.read(new Config(config, Path.of("config.json")), 32, 64, 10_000))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("rope_scaling.factor");
    }
}
