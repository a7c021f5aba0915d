package org.llminspector.analysis.reduce;

import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;

/** L2 norms of what each head adds. */
final class HeadNorms {

    private HeadNorms() {}

    /**
     * @param result [batch, pos, head, d_model]
     * @return [batch, pos, head]
     */
    static Tensor of(Tensor result) {
        long[] shape = result.shape();
        int width = Math.toIntExact(shape[3]);
        int heads = Math.toIntExact(shape[2]);
        float[] norms = new float[Math.toIntExact(shape[0] * shape[1] * heads)];
        Parallel.each(norms.length / heads, row -> {
            float[] x = new float[heads * width];
            result.toFloats((long) row * x.length, x, x.length);
            for (int h = 0; h < heads; h++) {
                double sum = 0;
                for (int i = h * width; i < (h + 1) * width; i++) sum += (double) x[i] * x[i];
                norms[row * heads + h] = (float) Math.sqrt(sum);
            }
        });
        return Tensor.of(norms, shape[0], shape[1], heads);
    }
}
