package org.llminspector.run.lab.side;

import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.hook.HookId;

/**
 * A part of a hooked value, replaced by that of another run.
 *
 * @param source [1, pos, ...]
 * @param heads picked heads, null for all
 * @param positions picked positions, null for all
 * @param features picked indices of the last axis, null for all
 */
public record Patch(HookId hook, Tensor source, List<Integer> heads, List<Integer> positions, List<Integer> features) {

    /** The whole value. */
    public static Patch whole(HookId hook, Tensor source) {
        return new Patch(hook, source, null, null, null);
    }

    public Intervention intervention() {
        return InterventionBuilder.builder()
                .hook(hook.name())
                .op(Intervention.Op.REPLACE)
                .heads(heads)
                .positions(positions)
                .features(features)
                .from(new Intervention.From("the other run", null))
                .build();
    }
}
