package org.llminspector.run.sweep;

/**
 * Memory that a sweep holds at once, in bytes, known before it runs. What an engine needs within a layer comes on top.
 *
 * @param weights of both sides' models, as the engines hold them
 * @param values of one batch at the hooks that are read
 * @param logits of A for one batch in float32, [rows, window, vocab], kept while B runs; 0 with one side. No file of
 *     log-probabilities is written
 * @param state of all windows, merged, and the windows' tokens
 */
public record SweepMemory(long weights, long values, long logits, long state) {

    public long total() {
        return weights + values + logits + state;
    }
}
