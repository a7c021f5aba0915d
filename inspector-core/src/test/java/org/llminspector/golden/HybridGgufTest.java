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

/** Models with recurrences, and newer dense models and mixtures, run from GGUF files as from their own: {@link HybridGguf} writes them. */
class HybridGgufTest {

    private static final Map<String, String> ARCHITECTURES = Map.ofEntries(
            Map.entry("mamba", "mamba"),
            Map.entry("falcon_mamba", "mamba"),
            Map.entry("mamba2", "mamba2"),
            Map.entry("jamba", "jamba"),
            Map.entry("falcon_h1", "falcon-h1"),
            Map.entry("granitemoehybrid", "granitehybrid"),
            Map.entry("qwen3_next", "qwen3next"),
            Map.entry("lfm2_moe", "lfm2moe"),
            Map.entry("arcee", "arcee"),
            Map.entry("seed_oss", "seed_oss"),
            Map.entry("hunyuan_v1_dense", "hunyuan-dense"),
            Map.entry("glm4_moe", "glm4moe"),
            Map.entry("dots1", "dots1"),
            Map.entry("minimax_m2", "minimax-m2"),
            Map.entry("ernie4_5_moe", "ernie4_5-moe"));

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
        for (String family : ARCHITECTURES.keySet()) {
            if (family.equals("falcon_h1")) continue;
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
