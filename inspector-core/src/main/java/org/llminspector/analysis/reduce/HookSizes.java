package org.llminspector.analysis.reduce;

import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/** Numbers of values that a hook has at a position. */
final class HookSizes {

    private HookSizes() {}

    /** Whether its value is [batch, pos, ...]. */
    static boolean byPosition(HookId hook) {
        return hook.point().axisIndex(Axis.POS) == 1;
    }

    /** Values of a position, on all axes after {@code pos}. */
    static long channels(HookId hook, DecoderSpec spec) {
        return Tensor.elements(HookShape.of(hook.point(), spec, Math.max(0, hook.layer()), 1, 1));
    }
}
