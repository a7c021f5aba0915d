package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** The residual stream of a captured pass, added up anew from what the layers' hooks say. */
final class Streams {

    private Streams() {}

    /** Sums hold in a sequential block and in a parallel one alike: both add attn_out and mlp_out. */
    static void sums(Golden g, Capture c, int i) {
        DecoderSpec spec = g.engine.spec();
        LayerSpec layer = spec.layers().get(i);
        if (spec.altUp() != null) {
            forms(spec, c, i);
            return;
        }
        float[] post = floats(c, HookPoint.RESID_POST, i);
        if (!layer.streamNorms()) {
            float factor = layer.scaled()
                    ? g.weights.get("blocks." + i + ".out_scale.weight").toFloats()[0]
                    : 1;
            float[] sum = added(spec, layer, c, i);
            for (int k = 0; k < post.length; k++)
                assertThat(post[k]).isCloseTo(factor * sum[k], within(1e-5f * (1 + Math.abs(sum[k]))));
        }
        if (i + 1 < spec.nLayers())
            assertThat(floats(c, HookPoint.RESID_PRE, i + 1)).isEqualTo(post);
    }

    /** What the block reads, and all that its parts add to it. */
    private static float[] added(DecoderSpec spec, LayerSpec layer, Capture c, int i) {
        List<HookPoint> parts = new ArrayList<>(StreamHooks.mixed(layer));
        if (layer.feedsForward()) parts.add(HookPoint.MLP_OUT);
        if (layer.laurel() != null) parts.add(HookPoint.LAUREL_OUT);
        if (spec.layerInputs() != null && spec.altUp() == null) parts.add(HookPoint.PLE_OUT);
        float[] sum = floats(c, HookPoint.RESID_PRE, i);
        float kept = layer.factors() == null ? 1 : layer.factors().mixedStream();
        for (int k = 0; k < sum.length; k++) {
            sum[k] *= kept;
            for (HookPoint p : parts) sum[k] += (float) c.get(HookId.of(p, i)).get(k);
        }
        return sum;
    }

    /** Each form is its prediction, a share of what the block's sum misses of the first, and the layer's input. */
    private static void forms(DecoderSpec spec, Capture c, int i) {
        Tensor forms = c.get(HookId.of(HookPoint.FORMS, i)); // [1, pos, form, d_model]
        float[] predictions = floats(c, HookPoint.ALTUP_PREDICTIONS, i);
        float[] shares = floats(c, HookPoint.ALTUP_COEFS, i); // [1, pos, form]
        float[] input = floats(c, HookPoint.PLE_OUT, i);
        float[] sum = added(spec, spec.layers().get(i), c, i);
        float[] pre = floats(c, HookPoint.RESID_PRE, i);
        float[] post = floats(c, HookPoint.RESID_POST, i);
        int n = spec.altUp().forms();
        int d = spec.dModel();
        for (int at = 0; at < sum.length; at++) {
            int pos = at / d;
            int first = pos * n * d + at % d;
            assertThat(pre[at]).isEqualTo(predictions[first]);
            assertThat(post[at]).isEqualTo((float) forms.get(first));
            for (int f = 0; f < n; f++) {
                float expected = predictions[first + f * d] + shares[pos * n + f] * (sum[at] - pre[at]);
                if (f > 0) expected += input[at];
                assertThat((float) forms.get(first + f * d))
                        .isCloseTo(expected, within(2e-5f * (1 + Math.abs(expected))));
            }
        }
    }

    private static float[] floats(Capture c, HookPoint point, int layer) {
        return c.get(HookId.of(point, layer)).toFloats();
    }
}
