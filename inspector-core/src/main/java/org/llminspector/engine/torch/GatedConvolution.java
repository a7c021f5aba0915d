package org.llminspector.engine.torch;

import static org.llminspector.hook.HookPoint.*;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import org.llminspector.engine.Part;
import org.llminspector.engine.torch.TorchWeights.Convolved;
import org.llminspector.spec.ShortConv;

/** The gated short convolution that replaces attention in some layers: {@link ShortConv}. */
final class GatedConvolution {

    private GatedConvolution() {}

    /** [1, pos, d_model] to the same. */
    static NDArray apply(int i, ShortConv c, Convolved w, NDArray x, KvCache cache, Tap tap) {
        NDArray[] in = w.in().apply(x); // [1, pos, d_model] each
        NDArray b = tap.at(CONV_B, i, in[0]);
        NDArray gate = tap.at(CONV_C, i, in[1]);
        NDArray bx = tap.at(CONV_BX, i, b.mul(tap.at(CONV_X, i, in[2])));
        tap.ends(Part.CONV_IN, i);
        NDArray all = cache.convolved(i, bx, c.past()); // [1, past + pos, d_model]
        long n = bx.getShape().get(1);
        NDArray sum = w.bias(); // [d_model], or null
        for (long from = 0; from < c.width(); from++) {
            NDArray shifted = all.get(new NDIndex().addAllDim().addSliceDim(from, from + n));
            NDArray part = shifted.mul(w.kernel().get(from)); // the kernel's last row is of the own position
            sum = sum == null ? part : part.add(sum);
        }
        NDArray post = tap.at(CONV_POST, i, gate.mul(tap.at(CONV, i, sum)));
        tap.ends(Part.CONV, i);
        return w.out().apply(post);
    }
}
