package org.llminspector.run.store;

import java.util.List;
import org.llminspector.base.Built;

/**
 * SensitivityRequest asks which modules a low precision hurts, one at a time: A is the high precision, B the low one.
 * Null means the default that is named here.
 *
 * @param direction whether modules of B are put back to A's precision, or modules of A down to B's (restore)
 * @param by what one module is (module)
 * @param modules names or globs of the matrices that are tried, such as {@code blocks.*.mlp.*} (all)
 * @param budgetBytes most bytes of all weights together, as the engine holds them, for which a mixed plan is suggested;
 *     null: none is
 * @param tokens how much of the text is read, from its beginning (as much as one window holds); without a text the
 *     prompt is read
 */
@Built
public record SensitivityRequest(Direction direction, By by, List<String> modules, Long budgetBytes, Integer tokens) {

    /** From which side modules are changed. */
    public enum Direction {
        /** From B, one module at a time at A's precision: how much KL divergence it recovers. */
        RESTORE,
        /** From A, one module at a time at B's precision: how much KL divergence it adds. */
        LOWER
    }

    /** What is changed together. */
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
