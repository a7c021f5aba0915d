package org.llminspector.analysis.reduce;

import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;

/**
 * Hooked values as arrays: one window at a time, [pos, channels], in bands of channels on all cores. A channel is one place
 * on all axes after {@code pos}; its windows come one after another, so that its sums do not depend on the cores.
 */
final class ChannelBands {

    /** Channels of a band: with 128 positions 128 KiB, which stays in a core's cache. */
    private static final int BAND = 256;

    private float[] x = new float[0]; // [pos, channels], reused

    /** What is done with one band of one window. */
    interface Band {
        /**
         * @param row of the batch
         * @param x [pos, channels]
         * @param first channel of the band
         * @param last the channel after it
         */
        void add(int row, float[] x, int channels, int first, int last);
    }

    /** Channels of a value [batch, pos, ...]. */
    static int channels(WindowBatch batch, Tensor value) {
        long[] shape = value.shape();
        if (shape.length < 3 || shape[0] != batch.size() || shape[1] != batch.positions()) {
            throw new IllegalArgumentException(
                    value + " of " + batch.size() + " windows of " + batch.positions() + " positions");
        }
        return Math.toIntExact(value.size() / shape[0] / shape[1]);
    }

    /** @param value [batch, pos, ...] */
    void each(WindowBatch batch, Tensor value, Band band) {
        int channels = channels(batch, value);
        int size = Math.multiplyExact(batch.positions(), channels);
        if (x.length < size) x = new float[size];
        int bands = (channels + BAND - 1) / BAND;
        for (int r = 0; r < batch.size(); r++) {
            if (batch.from()[r] >= batch.positions()) continue;
            value.toFloats((long) r * size, x, size);
            int row = r;
            Parallel.each(bands, b -> band.add(row, x, channels, b * BAND, Math.min(channels, (b + 1) * BAND)));
        }
    }
}
