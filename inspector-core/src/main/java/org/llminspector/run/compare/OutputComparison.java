package org.llminspector.run.compare;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.analysis.output.BaseLogProbs;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.TokenDivergence;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.store.ComparedToken;

/**
 * Comparison of both sides' next-token distributions, by position and in aggregate. Only one window's logits are in
 * memory at a time; they are not stored.
 */
final class OutputComparison implements AutoCloseable {

    /**
     * Measures over all windows: B against A, and A against itself (null where not measured).
     *
     * @param noise largest change of a logit between A's two passes, at the last position of the last window that had both; or null
     */
    record Measured(OutputMeasures measures, OutputMeasures floor, Double noise) {}

    private final ComparisonSide a;
    private final ComparisonSide b;
    private final int k;
    private final int kept;
    private final OutputStream file;
    private final BufferedWriter lines;
    private final OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
    private final FloorComparison floor;
    private Double noise;
    private final OutputMeasures.Gathering floors = new OutputMeasures.Gathering();
    private final boolean rounded;
    private final KldFile.Writer kept16;

    /**
     * @param floor noise floor of A
     * @param k number of most probable tokens per side whose overlap is counted
     * @param kept how many of them are stored per position
     * @param file of one line per position, created here
     * @param rounded whether A's log-probabilities are rounded to llama.cpp's 16 bits
     * @param kept16 writer of the rounded values, or null
     */
    OutputComparison(
            ComparisonSide a,
            ComparisonSide b,
            FloorComparison floor,
            int k,
            int kept,
            Path file,
            boolean rounded,
            KldFile.Writer kept16)
            throws IOException {
        this.a = a;
        this.b = b;
        this.floor = floor;
        this.rounded = rounded;
        this.kept16 = kept16;
        this.k = k;
        this.kept = kept;
        this.file = Files.newOutputStream(file);
        this.lines = new BufferedWriter(new OutputStreamWriter(this.file, StandardCharsets.UTF_8));
    }

    /**
     * One pass per side.
     *
     * @param from first row compared; earlier rows are context
     * @param to the row after the last
     * @param offset position of row 0, in the stored lines
     * @param next actual next id of row i, at index i + 1; null for unknown
     * @param again whether the noise floor is measured
     */
    void window(int[] idsA, int[] idsB, int from, int to, int offset, int[] next, boolean again) throws IOException {
        try (Capture left = a.logits(idsA)) {
            try (Capture right = b.logits(idsB)) {
                for (int row = from; row < to; row++) {
                    TokenDivergence t = of(left, right, row, token(next, row), kept16);
                    gathering.add(t);
                    ComparedToken line = ComparedToken.of(offset + row, idsA[row], t, kept, id -> a.folder()
                            .token(id)
                            .text());
                    lines.write(Json.mapper().writeValueAsString(line));
                    lines.newLine();
                }
            }
            try (Capture other = again ? floor.logits(idsA) : null) {
                for (int row = from; other != null && row < to; row++) {
                    floors.add(of(left, other, row, token(next, row), null));
                }
                if (other != null) noise = largest(row(left, to - 1), row(other, to - 1));
            }
        }
    }

    private TokenDivergence of(Capture left, Capture right, int row, Integer token, KldFile.Writer keep) {
        float[] logits = row(left, row);
        if (!rounded) return TokenDivergence.of(logits, row(right, row), token, k);
        BaseLogProbs base = BaseLogProbs.of(logits);
        if (keep != null) keep.write(base);
        return TokenDivergence.of(base, row(right, row), token, k);
    }

    private static Double largest(float[] x, float[] y) {
        double most = 0;
        for (int i = 0; i < x.length; i++) most = Math.max(most, Math.abs((double) x[i] - y[i]));
        return Double.isFinite(most) ? most : null;
    }

    private static Integer token(int[] next, int row) {
        return next != null && row + 1 < next.length ? next[row + 1] : null;
    }

    /** The logits of one position, [vocab]. */
    static float[] row(Capture seen, int row) {
        Tensor logits = seen.get(HookId.of(HookPoint.LOGITS)); // [1, pos, vocab]
        return logits.reshaped(logits.shape()[1], logits.shape()[2])
                .rows(row, row + 1)
                .toFloats();
    }

    Measured measured() {
        return new Measured(gathering.measures(), floors.measures(), noise);
    }

    /** Mean KL so far; null before the first position. */
    Double meanKld() {
        return gathering.meanKld();
    }

    @Override
    public void close() throws IOException {
        try (file) {
            lines.close(); // fails on a full disk and leaves the file open
        }
    }
}
