package org.llminspector.analysis;

/** Max pooling of a matrix: each cell is the largest value under it, so that no peak is lost. */
public final class MaxPool {

    private MaxPool() {}

    /** Cells along one side: at most one per value. */
    public static int side(int values, int most) {
        return Math.min(values, most);
    }

    /**
     * Max-pools part of a matrix to at most {@code most} cells per side, [side(rows), side(cols)].
     *
     * @param x [.., width], row-major
     * @param rows [from, to)
     * @param cols [from, to)
     */
    public static float[] of(float[] x, int width, int[] rows, int[] cols, int most) {
        int high = side(rows[1] - rows[0], most);
        int wide = side(cols[1] - cols[0], most);
        float[] out = new float[high * wide];
        java.util.Arrays.fill(out, Float.NEGATIVE_INFINITY);
        for (int r = rows[0]; r < rows[1]; r++) {
            int cell = (int) ((long) (r - rows[0]) * high / (rows[1] - rows[0])) * wide;
            for (int c = cols[0]; c < cols[1]; c++) {
                int at = cell + (int) ((long) (c - cols[0]) * wide / (cols[1] - cols[0]));
                float v = x[r * width + c];
                if (v > out[at]) out[at] = v;
            }
        }
        return out;
    }
}
