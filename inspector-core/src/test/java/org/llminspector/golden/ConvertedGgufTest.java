package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.family.Family;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;

/** Goldens run from the GGUF files that llama.cpp's converter makes of them ({@link ConvertedGguf}) as from their own. */
class ConvertedGgufTest {

    /** Llama 4's chunks of 16 positions cannot be said in the file, where they are of 8,192; to there all is the same. */
    private static final int BEFORE_CHUNKS = 15;

    /** Not said in the file as in config.json: factors that are in the weights; chunks; another family's name. */
    private static final Set<String> OF_OTHER_SPEC = Set.of("falcon_h1", "llama4", "glm4_moe_lite");

    @TempDir
    static Path temp;

    @TestFactory
    List<DynamicTest> architectures() {
        List<DynamicTest> tests = new ArrayList<>();
        for (String family : ConvertedGguf.families()) {
            for (Kind kind : Kind.here())
                tests.add(DynamicTest.dynamicTest(family + " on " + kind, () -> {
                    GgufGolden g = ConvertedGguf.write(family, temp.resolve(family + kind));
                    if (family.equals("llama4")) checkStart(g, kind);
                    else GgufGoldenTest.check(family.equals("nemotron_h") ? twice(g) : g, kind);
                }));
        }
        return tests;
    }

    /** Of twice the noise: rates are in the file, and their logarithm is rounded. */
    private static GgufGolden twice(GgufGolden g) {
        ObjectNode noise = Json.mapper().createObjectNode();
        noise.put("logits", 2 * g.noise().get("logits").asDouble());
        return new GgufGolden(g.model(), g.tensors(), noise);
    }

    private static void checkStart(GgufGolden g, Kind kind) {
        try (Checkpoint checkpoint = Checkpoint.open(g.model());
                InspectorEngine engine = kind.open(Family.open(checkpoint));
                SafetensorsFile golden = SafetensorsFile.open(g.tensors())) {
            int[] prompt = Arrays.copyOf(GgufGoldenTest.ids(golden.tensor("input_ids")), BEFORE_CHUNKS);
            float[] ours = GgufGoldenTest.logits(engine, prompt);
            float[] theirs = Arrays.copyOf(golden.tensor("logits").toFloats(), ours.length);
            assertThat(Golden.maxAbsDiff(ours, theirs)).isLessThanOrEqualTo(g.tolerance("logits"));
        }
    }

    /** The file says all that config.json does; but a state of any length has its own context there. */
    @Test
    void theFilesSpecIsTheConfigs() {
        for (String family : ConvertedGguf.families()) {
            if (OF_OTHER_SPEC.contains(family)) continue;
            GgufGolden g = ConvertedGguf.write(family, temp.resolve(family));
            try (Checkpoint file = Checkpoint.open(g.model());
                    Checkpoint folder = Checkpoint.open(Golden.FAMILIES.resolve(family))) {
                assertThat(plain(Family.open(file).spec()))
                        .as(family)
                        .isEqualTo(plain(Family.open(folder).spec()));
            }
        }
    }

    private static DecoderSpec plain(DecoderSpec spec) {
        return DecoderSpecBuilder.builder(spec).maxContext(1).build();
    }
}
