package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.assertj.core.data.Offset;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/** What a captured recurrence must fulfil, worked out anew in double precision from what its steps read. */
final class Recurrences {

    /** What a step reads, and what is read from it. */
    static final List<HookPoint> READ = List.of(
            HookPoint.SSM_DECAY,
            HookPoint.SSM_WRITE,
            HookPoint.SSM_STATE,
            HookPoint.SSM_Y,
            HookPoint.SSM_B,
            HookPoint.SSM_C,
            HookPoint.SSM_Q,
            HookPoint.SSM_K,
            HookPoint.SSM_V,
            HookPoint.SSM_BETA);

    private Recurrences() {}

    /** At each position the state is the one before, decayed, with what is written at the key; and y is read from it. */
    static void stateIsDecayedAndWritten(Recurrent r, Capture c, int layer) {
        stateGoesOn(r, c, layer, 0);
    }

    /** The same from a position on. */
    static void stateGoesOn(Recurrent r, Capture c, int layer, int from) {
        float[] decay = values(c, HookPoint.SSM_DECAY, layer);
        float[] write = values(c, HookPoint.SSM_WRITE, layer);
        float[] state = values(c, HookPoint.SSM_STATE, layer);
        float[] y = values(c, HookPoint.SSM_Y, layer);
        boolean space = r instanceof Mamba || r instanceof Mamba2;
        float[] key = r instanceof RgLru ? null : values(c, space ? HookPoint.SSM_B : HookPoint.SSM_K, layer);
        float[] query = r instanceof RgLru ? null : values(c, space ? HookPoint.SSM_C : HookPoint.SSM_Q, layer);
        float[] v = r instanceof DeltaNet ? values(c, HookPoint.SSM_V, layer) : null;
        float[] beta = r instanceof DeltaNet ? values(c, HookPoint.SSM_BETA, layer) : null;
        int heads = r.nHeads();
        int rows = r.dHead();
        int cols = r.dState();
        int positions = y.length / (heads * rows);
        int decays = decay.length / positions;
        double moved = 0;
        for (int p = from; p < positions; p++) {
            for (int h = 0; h < heads; h++) {
                int keyAt = key == null ? 0 : (p * r.nKeyHeads() + h * r.nKeyHeads() / heads) * cols;
                for (int d = 0; d < rows; d++) {
                    int row = ((p * heads + h) * rows + d) * cols;
                    double read = 0;
                    double known = 0;
                    double largest = 1;
                    for (int s = 0; s < cols; s++) {
                        double before = p == 0 ? 0 : state[row - heads * rows * cols + s];
                        double kept = before * decay[p * decays + at(r, decays, h, d, s)];
                        double written = write[(p * heads + h) * rows + d] * (key == null ? 1.0 : key[keyAt + s]);
                        assertThat((double) state[row + s])
                                .as("position %d head %d row %d column %d", p, h, d, s)
                                .isCloseTo(
                                        kept + written, Offset.offset(1e-5 * (1 + Math.abs(kept) + Math.abs(written))));
                        moved = Math.max(moved, Math.abs(written));
                        if (beta != null) known += kept * key[keyAt + s];
                        double one = state[row + s] * (query == null ? 1.0 : query[keyAt + s]);
                        read += one;
                        largest += Math.abs(one);
                    }
                    int cell = (p * heads + h) * rows + d;
                    assertThat((double) y[cell]).isCloseTo(read, Offset.offset(1e-5 * largest));
                    if (beta == null) continue;
                    double correction = beta[p * heads + h] * (v[cell] - known);
                    assertThat((double) write[cell])
                            .isCloseTo(correction, Offset.offset(1e-4 * (1 + Math.abs(known) + Math.abs(v[cell]))));
                }
            }
        }
        assertThat(moved).as("something is written").isGreaterThan(1e-3);
    }

    /** Index of the decay of a number of the state, among those of one position. */
    private static int at(Recurrent r, int decays, int head, int row, int column) {
        int each = decays / r.nHeads();
        if (each == 1) return head;
        if (each == r.dHead() * r.dState()) return (head * r.dHead() + row) * r.dState() + column;
        return head * each + (each == r.dHead() && r instanceof RgLru ? row : column);
    }

    private static float[] values(Capture c, HookPoint point, int layer) {
        return c.get(HookId.of(point, layer)).toFloats();
    }
}
