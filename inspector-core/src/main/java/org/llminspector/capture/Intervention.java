package org.llminspector.capture;

import java.util.List;
import java.util.Locale;
import org.llminspector.base.Built;
import org.llminspector.hook.Axis;

/**
 * A change of a hooked value while the model runs, as data: the same JSON serves REST, the command line, Python and the
 * page.
 *
 * <p>The selections pick cells; other cells stay unchanged. A selection left out means "all".
 *
 * @param hook a hook's name or a glob ({@code blocks.*.attn.hook_z})
 * @param op operation on the picked cells
 * @param heads picked indices of the head axis, or null
 * @param positions picked positions of the sequence ({@code pos} or {@code query} axis, continuing over generated
 *     tokens), or null
 * @param keys picked key positions (scores and patterns only), or null
 * @param features picked indices of the last axis (d_model, d_mlp, d_head, vocab), or null
 * @param value the operand of {@code scale}, {@code add} or {@code replace}; the factor, cap or multiple of an operation
 *     along a direction
 * @param values one number per picked feature, instead of {@code value} ({@code add}: a steering vector); the direction
 *     of {@code scale_along}, {@code cap_along} and {@code add_along}, of any length but 0
 * @param from the captured value of another run, for {@code replace} (activation patching) and {@code add}
 */
@Built
public record Intervention(
        String hook,
        Op op,
        List<Integer> heads,
        List<Integer> positions,
        List<Integer> keys,
        List<Integer> features,
        Double value,
        List<Double> values,
        From from) {

    /** Operation on the picked cells. */
    public enum Op {
        /** Sets them to 0. */
        ZERO,
        /** Sets them to their mean over the prompt's positions, per feature; generated tokens get the same mean. */
        MEAN,
        /** Multiplies them by {@code value}. */
        SCALE,
        /** Adds {@code value}, {@code values} or {@code from}. */
        ADD,
        /** Sets them to {@code value}, {@code values} or {@code from}. */
        REPLACE,
        /** Sets scores or router logits to minus infinity, so that the softmax gives them probability 0. */
        MASK,
        /**
         * Multiplies their component along the direction by {@code value}: x + (value - 1) (x . u) u, where u is the
         * direction divided by its norm. 0 is directional ablation, -1 the reflection, which exchanges a and b along a - b.
         */
        SCALE_ALONG,
        /**
         * Limits their component along the direction to at most {@code value}: x + min(value - x . u, 0) u. A lower bound
         * of c is a cap of -c along the opposite direction.
         */
        CAP_ALONG,
        /** Adds the direction, {@code value} times as long as each vector itself: x + value |x| u. */
        ADD_ALONG,
        /** Sets them to their values in the same request without interventions (prompt positions only). */
        FREEZE;

        /**
         * Whether its effect at a position depends on the whole prompt, so that a KV cache is valid for the same prompt
         * only.
         */
        public boolean dependsOnPrompt() {
            return this == MEAN || this == FREEZE;
        }

        /** Whether it changes vectors, each position's and head's own, along a direction: it has value and values. */
        public boolean along() {
            return this == SCALE_ALONG || this == CAP_ALONG || this == ADD_ALONG;
        }

        /** The name in JSON. */
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Which cells along one axis are picked, in a pass that begins at {@code start}.
     *
     * @param axes of the hooked value
     * @param a which of them
     * @param size its length in this pass
     * @return a flag per cell; null when all are picked
     */
    public boolean[] picked(List<Axis> axes, int a, int size, int start) {
        List<Integer> picks =
                switch (axes.get(a)) {
                    case HEAD -> heads;
                    case POS, QUERY -> positions;
                    case KEY -> keys;
                    default -> a == axes.size() - 1 ? features : null;
                };
        if (picks == null) return null;
        int offset = axes.get(a).reads() ? start : 0;
        boolean[] on = new boolean[size];
        for (int p : picks) if (p >= offset && p - offset < size) on[p - offset] = true;
        return on;
    }

    /**
     * Reference to a captured value of a finished run, used position by position.
     *
     * @param run the run's id
     * @param hook the hook in that run, or null for the same hook
     */
    public record From(String run, String hook) {}
}
