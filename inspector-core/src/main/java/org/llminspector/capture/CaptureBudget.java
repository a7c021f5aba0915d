package org.llminspector.capture;

import java.util.Arrays;
import java.util.Collection;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/**
 * Limit of a run's captured bytes, checked before it runs.
 *
 * @param maxBytes most bytes that one run may capture
 */
public record CaptureBudget(long maxBytes) {

    /** Bytes of these hooks in float32 over this many positions. */
    public static long bytes(DecoderSpec spec, Collection<HookId> hooks, long positions) {
        return bytes(spec, hooks, positions, positions);
    }

    /** The same where the positions attend to more keys. */
    public static long bytes(DecoderSpec spec, Collection<HookId> hooks, long positions, long keys) {
        long bytes = 0;
        for (HookId id : hooks) {
            long[] shape = HookShape.of(id.point(), spec, Math.max(0, id.layer()), positions, keys);
            bytes = Math.addExact(bytes, Math.multiplyExact(Tensor.elements(shape), Float.BYTES));
        }
        return bytes;
    }

    /** Most bytes of one hook: its values are in one ByteBuffer, which is limited to 2 GiB. */
    static final long ONE = (2L << 30) - (2L << 20);

    /** Bytes of a hook's value of this shape; throws TOO_LARGE beyond a buffer's limit. */
    static int bytes(HookId id, long[] shape) {
        long bytes = Math.multiplyExact(Tensor.elements(shape), Float.BYTES);
        if (bytes <= ONE) return (int) bytes;
        throw Problem.tooLarge("one captured value would be larger than can be kept")
                .where("capture: " + id + " " + Arrays.toString(shape))
                .expected("at most " + ByteCount.of(ONE) + " a hook")
                .found(ByteCount.of(bytes))
                .instead("shorten the prompt, or look at a smaller value: hook_z instead of hook_result, for one");
    }

    /** Throws TOO_LARGE with the bytes needed when the hooks do not fit, or one of them exceeds a buffer. */
    public void check(DecoderSpec spec, Collection<HookId> hooks, long positions) {
        long bytes = bytes(spec, hooks, positions);
        if (bytes <= maxBytes) {
            for (HookId id : hooks)
                bytes(id, HookShape.of(id.point(), spec, Math.max(0, id.layer()), positions, positions));
            return;
        }
        throw Problem.tooLarge("the capture would not fit the budget")
                .where("capture: " + hooks.size() + " hooks x " + positions + " positions")
                .expected("at most " + ByteCount.of(maxBytes))
                .found(ByteCount.of(bytes))
                .instead("capture fewer hooks or layers, shorten the prompt, or raise --capture-budget");
    }
}
