package org.llminspector.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.golden.Golden;

/** Experts are read as tokens go to them, and no more of them are kept than there is room for. */
class ExpertMatricesTest {

    /** In FP16 the file's FP32 is converted, and of the converted ones a single matrix is kept, or all. */
    @Test
    void expertsThatDoNotFitAreReadAgainAndAnswerTheSame() {
        try (Golden g = new Golden(Golden.FAMILIES.resolve("mixtral"))) {
            int[] ids = g.ids("input_ids");
            try (InspectorEngine all = TorchEngine.open(g.weights, "cpu", Precision.FP16, Long.MAX_VALUE);
                    InspectorEngine one = TorchEngine.open(g.weights, "cpu", Precision.FP16, 1)) {
                long opened = all.memory().resident();
                assertThat(one.memory().resident()).isEqualTo(opened);
                for (boolean hooked : new boolean[] {false, true}) {
                    float[] expected = Golden.logits(all, ids, 30, hooked);
                    assertThat(Golden.logits(one, ids, 30, hooked)).isEqualTo(expected);
                }
                long matrix = 2L * 96 * 64;
                long captures = one.memory().resident() - opened; // their buffers stay at hand too
                assertThat(all.memory().resident() - one.memory().resident()).isEqualTo(3 * 4 * 3 * matrix - matrix);
                assertThat(captures).isGreaterThanOrEqualTo(matrix);
            }
        }
    }

    /** Biases come and go with their matrices, joined ones too; what MXFP4 stands for is decoded again. */
    @ParameterizedTest
    @EnumSource(names = {"FP32", "FP16"})
    void packedExpertsAreDecodedAgainAndAnswerTheSame(Precision precision) {
        try (Golden g = new Golden(Golden.FAMILIES.resolve("gpt_oss_mxfp4"))) {
            int[] ids = g.ids("input_ids");
            try (InspectorEngine all = TorchEngine.open(g.weights, "cpu", precision, Long.MAX_VALUE);
                    InspectorEngine one = TorchEngine.open(g.weights, "cpu", precision, 1)) {
                for (boolean hooked : new boolean[] {false, true}) {
                    float[] expected = Golden.logits(all, ids, 30, hooked);
                    assertThat(Golden.logits(one, ids, 30, hooked)).isEqualTo(expected);
                    assertThat(Golden.logits(one, ids, 30, hooked)).isEqualTo(expected);
                }
                assertThat(one.memory().resident()).isLessThan(all.memory().resident());
                assertThat(one.memory().mapped())
                        .isLessThanOrEqualTo(all.memory().mapped());
            }
        }
    }

    /** The file's own FP32 is used where it lies: nothing of an expert is there before a token goes to it, and then nothing is copied. */
    @Test
    void experts() {
        try (Golden g = new Golden(Golden.FAMILIES.resolve("mixtral"));
                InspectorEngine engine = TorchEngine.open(g.weights, "cpu", Precision.FP32, 1)) {
            long mapped = engine.memory().mapped();
            long expert = 3L * 4 * 96 * 64;
            engine.begin(new org.llminspector.engine.SessionRequest(4, new java.util.TreeSet<>(), List.of(), List.of()))
                    .append(new int[] {3});
            // Two of four experts in each of three layers.
            assertThat(engine.memory().mapped() - mapped).isEqualTo(3 * 2 * expert);
            assertThat(engine.memory().resident()).isLessThan(expert);
        }
    }
}
