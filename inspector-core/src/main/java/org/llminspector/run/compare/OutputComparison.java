package org.llminspector.run.compare;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.analysis.BaseLogProbs;
import org.llminspector.analysis.OutputMeasures;
import org.llminspector.analysis.TokenDivergence;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.store.ComparedToken;

/**
 * OutputComparison compares what both sides say next, position by position, as lines of a file and as measures over all of
 * them. The logits of one window are held at a time, and written nowhere.
 */
final class OutputComparison implements AutoCloseable {

    /** Measured is what came of all windows: B against A, and A against itself (null where that was not measured). */
    record Measured(OutputMeasures measures, OutputMeasures floor) {}

    private final ComparisonSide a;
    private final ComparisonSide b;
    private final int k;
    private final int kept;
    private final OutputStream file;
    private final BufferedWriter lines;
    private final OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
    private final FloorComparison floor;
    private final OutputMeasures.Gathering floors = new OutputMeasures.Gathering();
    private final boolean rounded;
    private final KldFile.Writer kept16;

    /**
     * @param floor A once more
     * @param k most probable tokens a side whose overlap is counted
     * @param kept how many of them a line keeps
     * @param file of lines, made here
     * @param rounded whether A's log-probabilities are rounded to llama.cpp's 16 bits
     * @param kept16 takes them, or null
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
     * One pass a side.
     *
     * @param from first row that is compared: the rows before it are context
     * @param to one past the last
     * @param offset position of row 0, as the lines count
     * @param next for row i the id that really follows, at index i + 1; null: not known
     * @param again whether A is run once more for the noise floor
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
        return new Measured(gathering.measures(), floors.measures());
    }

    /** Mean KL so far, null before the first position. */
    Double meanKld() {
        return gathering.meanKld();
    }

    @Override
    public void close() throws IOException {
        try (file) {
            lines.close(); // on a full disk that fails, and leaves the file open
        }
    }
}
