package org.llminspector.analysis.reduce;

import org.llminspector.base.Exp;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;

/** Rows of logits, read one at a time on all cores: a row's numbers do not depend on the others. */
final class LogitRows {

    /** Rows that share an array. */
    private static final int PIECE = 16;

    private LogitRows() {}

    /** What is done with one row. */
    interface Row {
        /** @param logits [vocab], valid during the call */
        void read(int row, float[] logits);
    }

    /**
     * Reads rows {@code first + r} for r from 0 to {@code count - 1}.
     *
     * @param logits [batch, pos, vocab]; a row is one position
     */
    static void each(Tensor logits, long first, int count, Row work) {
        long[] shape = logits.shape();
        int vocab = Math.toIntExact(shape[shape.length - 1]);
        Parallel.each((count + PIECE - 1) / PIECE, piece -> {
            float[] x = new float[vocab];
            for (int r = piece * PIECE; r < Math.min(count, (piece + 1) * PIECE); r++) {
                logits.toFloats((first + r) * vocab, x, vocab);
                work.read(r, x);
            }
        });
    }

    /** What is done with one row of two models. */
    interface Pair {
        void read(int row, float[] a, float[] b);
    }

    /** The same of two models' logits. */
    static void eachPair(Tensor a, Tensor b, long first, int count, Pair work) {
        int vocab = Math.toIntExact(a.shape()[2]);
        Parallel.each((count + PIECE - 1) / PIECE, piece -> {
            float[] x = new float[vocab];
            float[] y = new float[vocab];
            for (int r = piece * PIECE; r < Math.min(count, (piece + 1) * PIECE); r++) {
                a.toFloats((first + r) * vocab, x, vocab);
                b.toFloats((first + r) * vocab, y, vocab);
                work.read(r, x, y);
            }
        });
    }

    /** ln of the sum of e to each logit, in float64; NaN or infinite where a logit is NaN or infinite upwards. */
    static double logSum(float[] logits) {
        float max = Float.NEGATIVE_INFINITY;
        for (float l : logits) max = Math.max(max, l);
        if (!(Math.abs(max) < Float.POSITIVE_INFINITY)) return max;
        double sum = 0;
        for (float l : logits) sum += Exp.exp((double) l - max);
        return max + StrictMath.log(sum);
    }
}
