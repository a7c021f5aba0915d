package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;

/** Models with recurrences, and LFM2's mixture, run from GGUF files as from their own: {@link HybridGguf} writes them. */
class HybridGgufTest {

    private static final Map<String, String> ARCHITECTURES = Map.of(
            "mamba", "mamba",
            "falcon_mamba", "mamba",
            "mamba2", "mamba2",
            "jamba", "jamba",
            "falcon_h1", "falcon-h1",
            "granitemoehybrid", "granitehybrid",
            "qwen3_next", "qwen3next",
            "lfm2_moe", "lfm2moe");

    @TempDir
    static Path temp;

    @TestFactory
    List<DynamicTest> architectures() {
        List<DynamicTest> tests = new ArrayList<>();
        ARCHITECTURES.forEach((family, arch) -> {
            GgufGolden g = HybridGguf.write(Golden.FAMILIES.resolve(family), arch, temp.resolve(family + ".gguf"));
            for (Kind kind : Kind.here())
                tests.add(DynamicTest.dynamicTest(family + " on " + kind, () -> GgufGoldenTest.check(g, kind)));
        });
        return tests;
    }

    /** The file says all that config.json does; but a state of any length has its own context there, and factors are weights. */
    @Test
    void theFilesSpecIsTheConfigs() {
        for (String family :
                List.of("mamba", "falcon_mamba", "mamba2", "jamba", "granitemoehybrid", "qwen3_next", "lfm2_moe")) {
            Path golden = Golden.FAMILIES.resolve(family);
            GgufGolden g = HybridGguf.write(golden, ARCHITECTURES.get(family), temp.resolve(family + "-spec.gguf"));
            try (Checkpoint file = Checkpoint.open(g.model());
                    Checkpoint folder = Checkpoint.open(golden)) {
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
