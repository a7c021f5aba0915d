package org.llminspector.run.compare;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.analysis.OutputMeasures;
import org.llminspector.analysis.TokenDivergence;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.store.ComparedToken;

/**
 * TwinOutput compares what both sides say next, position by position, as lines of a file and as measures over all of
 * them. The logits of one window are held at a time, and written nowhere.
 */
final class TwinOutput implements AutoCloseable {

    private final TwinSide a;
    private final TwinSide b;
    private final int k;
    private final int kept;
    private final BufferedWriter lines;
    private final OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();

    /**
     * @param k most probable tokens a side whose overlap is counted
     * @param kept how many of them a line keeps
     * @param file of lines, made here
     */
    TwinOutput(TwinSide a, TwinSide b, int k, int kept, Path file) throws IOException {
        this.a = a;
        this.b = b;
        this.k = k;
        this.kept = kept;
        this.lines = Files.newBufferedWriter(file, StandardCharsets.UTF_8);
    }

    /**
     * One pass a side.
     *
     * @param from first row that is compared: the rows before it are context
     * @param to one past the last
     * @param offset position of row 0, as the lines count
     * @param next for row i the id that really follows, at index i + 1; null: not known
     */
    void window(int[] idsA, int[] idsB, int from, int to, int offset, int[] next) throws IOException {
        try (Capture left = a.logits(idsA);
                Capture right = b.logits(idsB)) {
            for (int row = from; row < to; row++) {
                Integer token = next != null && row + 1 < next.length ? next[row + 1] : null;
                TokenDivergence t = TokenDivergence.of(row(left, row), row(right, row), token, k);
                gathering.add(t);
                ComparedToken line = ComparedToken.of(offset + row, idsA[row], t, kept, id -> a.folder()
                        .token(id)
                        .text());
                lines.write(Json.mapper().writeValueAsString(line));
                lines.newLine();
            }
        }
    }

    /** The logits of one position, [vocab]. */
    static float[] row(Capture seen, int row) {
        Tensor logits = seen.get(HookId.of(HookPoint.LOGITS)); // [1, pos, vocab]
        return logits.reshaped(logits.shape()[1], logits.shape()[2])
                .rows(row, row + 1)
                .toFloats();
    }

    OutputMeasures measures() {
        return gathering.measures();
    }

    /** Mean KL so far, null before the first position. */
    Double meanKld() {
        return gathering.meanKld();
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
