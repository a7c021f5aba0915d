package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.GgufGolden;

/** A matrix in blocks times a vector is what its decoded rows make of it, whatever the block format and the rows' order. */
class RowScanTest {

    static Stream<Path> files() throws IOException {
        try (Stream<Path> all = Files.walk(GgufGolden.ROOT)) {
            return all.filter(f -> f.toString().endsWith(".gguf")).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void rowsTimesAVectorAreTheDecodedOnes(Path file) {
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            Weights weights = Family.open(checkpoint);
            for (String name : weights.names()) {
                long[] shape = weights.shape(name);
                if (shape.length != 2) continue;
                Random random = new Random(7);
                float[] vector = new float[(int) shape[1]];
                for (int i = 0; i < vector.length; i++) vector[i] = (float) random.nextGaussian();
                float[] found = RowScan.dots(weights, name, vector);
                float[] decoded = weights.get(name).toFloats();
                assertThat(found).hasSize((int) shape[0]);
                for (int row = 0; row < found.length; row++) {
                    double expected = 0;
                    double size = 0;
                    for (int i = 0; i < vector.length; i++) {
                        double term = (double) decoded[row * vector.length + i] * vector[i];
                        expected += term;
                        size += Math.abs(term);
                    }
                    assertThat(Math.abs(found[row] - expected))
                            .as(
                                    "%s, row %d of %s, %s",
                                    file, row, name, weights.info(name).format())
                            .isLessThanOrEqualTo(1e-6 * size + 1e-9);
                }
            }
        }
    }
}
