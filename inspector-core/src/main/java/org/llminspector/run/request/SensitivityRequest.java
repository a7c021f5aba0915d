package org.llminspector.run.request;

import java.util.List;
import org.llminspector.base.Built;

/**
 * Request for per-module quantization sensitivity; A has the high precision, B the low one. Null means the default
 * named here.
 *
 * @param direction whether modules of B are put back to A's precision, or modules of A down to B's (restore)
 * @param by granularity (module)
 * @param modules names or globs of the matrices to change, such as {@code blocks.*.mlp.*} (all)
 * @param budgetBytes most bytes of all weights in the engine, for which a mixed plan is suggested; null for no plan
 * @param tokens how much of the text is read, from its beginning (as much as one window holds); without a text the
 *     prompt is read
 */
@Built
public record SensitivityRequest(Direction direction, By by, List<String> modules, Long budgetBytes, Integer tokens) {

    /** Side whose modules are changed. */
    public enum Direction {
        /** B with one module at a time in A's precision: KL divergence recovered. */
        RESTORE,
        /** A with one module at a time in B's precision: KL divergence added. */
        LOWER
    }

    /** Matrices that are changed together. */
    public enum By {
        /** A whole layer, and the unembedding. */
        LAYER,
        /** A layer's attention, its MLP, and the unembedding. */
        MODULE,
        /** Every matrix alone. */
        MATRIX
    }

    public SensitivityRequest withDefaults(Integer tokens) {
        return SensitivityRequestBuilder.builder(this)
                .direction(direction == null ? Direction.RESTORE : direction)
                .by(by == null ? By.MODULE : by)
                .tokens(tokens)
                .build();
    }
}
