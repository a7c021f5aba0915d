package org.llminspector.hook;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** The hook points of the residual stream and of what is added to it. */
public final class StreamHooks {

    private StreamHooks() {}

    /**
     * The hooks of what the block's mixer adds to the residual stream: one, or those of attention and a recurrence, or
     * none.
     */
    public static List<HookPoint> mixed(LayerSpec block) {
        return Stream.of(ATTN_OUT, CONV_OUT, SSM_OUT)
                .filter(p -> p == ATTN_OUT
                        ? block.attends()
                        : p == CONV_OUT ? block.convolves() : block.recurrence() != null)
                .toList();
    }

    /** The points between layers, which no layer has inside. */
    public static Set<HookPoint> between(DecoderSpec spec) {
        return spec.altUp() == null ? Set.of(RESID_PRE, RESID_POST) : Set.of(RESID_POST, FORMS);
    }

    /** What the final norm reads of the last layer. */
    public static HookId end(DecoderSpec spec) {
        return HookId.of(spec.altUp() == null ? RESID_POST : FORMS, spec.nLayers() - 1);
    }
}
