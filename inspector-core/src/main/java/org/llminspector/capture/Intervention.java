package org.llminspector.capture;

import java.util.List;
import org.llminspector.base.Built;
import org.llminspector.hook.Axis;

/**
 * Intervention changes a hooked value while the model runs. It is data: the same JSON serves REST, the command
 * line, Python and the page.
 *
 * <p>The selection picks cells; what is not picked stays as it is. All selections are optional and mean "all".
 *
 * @param hook a hook's name or a glob ({@code blocks.*.attn.hook_z})
 * @param op what happens to the picked cells
 * @param heads picked indices of the head axis, or null
 * @param positions picked positions of the sequence ({@code pos} or {@code query} axis, generated tokens count
 *     on), or null
 * @param keys picked key positions (scores and patterns only), or null
 * @param features picked indices of the last axis (d_model, d_mlp, d_head, vocab), or null
 * @param value the number that {@code scale} multiplies by, {@code add} adds and {@code replace} puts in
 * @param values one number a picked feature, instead of {@code value} ({@code add}: a steering vector)
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

    /** What happens to the picked cells. */
    public enum Op {
        /** Become 0. */
        ZERO,
        /** Become their mean over the prompt's positions, feature by feature; generated tokens get the same mean. */
        MEAN,
        /** Are multiplied by {@code value}. */
        SCALE,
        /** Get {@code value}, {@code values} or {@code from} added. */
        ADD,
        /** Become {@code value}, {@code values} or {@code from}. */
        REPLACE,
        /** Become minus infinity, so that the softmax gives them nothing and the query's other keys share it (scores only). */
        MASK,
        /** Keep the value that the same request has without any intervention (prompt positions only). */
        FREEZE;

        /** Whether what it does at a position depends on where the prompt ends, so that a cache is only of the same prompt. */
        public boolean dependsOnPrompt() {
            return this == MEAN || this == FREEZE;
        }
    }

    /**
     * Which cells along one axis are picked, in a pass that begins at {@code start}.
     *
     * @param axes of the hooked value
     * @param a which of them
     * @param size its length in this pass
     * @return a flag a cell; null when all are picked
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
     * From names a captured value of a finished run, position by position.
     *
     * @param run the run's id
     * @param hook the hook in that run, or null for the same hook
     */
    public record From(String run, String hook) {}
}
