package org.llminspector.run.inspect;

import org.llminspector.base.Problem;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** Checks that a layer, head, neuron or token of a request is in the model. */
public final class Bounds {

    private Bounds() {}

    /** @throws Problem INVALID for a layer that the model does not have; UNSUPPORTED for one without heads */
    public static Attention attention(DecoderSpec spec, int layer) {
        within(layer, spec.nLayers(), "layer");
        if (spec.layers().get(layer).attends()) return spec.layers().get(layer).attention();
        LayerSpec block = spec.layers().get(layer);
        throw Problem.unsupported("the layer has no heads of attention")
                .where("layer " + layer)
                .expected("a layer with attention: " + spec.attending())
                .found(block.mixers().isEmpty() ? "an MLP alone" : String.join(", ", block.mixers()))
                .instead(
                        block.convolves()
                                ? "look at conv.hook_bx and conv.hook_conv of this layer"
                                : block.recurrence() == null
                                        ? null
                                        : "its weights are GET /runs/{id}/effective/" + layer);
    }

    public static void within(int index, int size, String field) {
        if (index >= 0 && index < size) return;
        throw Problem.invalid("the model has no such " + field)
                .where(field)
                .expected("0 to " + (size - 1))
                .found(index);
    }
}
