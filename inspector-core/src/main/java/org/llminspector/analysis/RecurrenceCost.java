package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/** The matrices and vectors of a recurrence, and the FLOPs of its steps: what {@link PartCost} counts. */
final class RecurrenceCost {

    /** A matrix [out, in]; its module's name follows {@code blocks.i.ssm.} */
    record Matrix(String name, long in, long out) {}

    private RecurrenceCost() {}

    /** All matrices but the output projection. */
    static List<Matrix> matrices(Recurrent r, long d) {
        List<Matrix> all = new ArrayList<>();
        long width = (long) r.nHeads() * r.dHead();
        long keys = (long) r.nKeyHeads() * r.dState();
        if (r instanceof Mamba m) {
            all.add(new Matrix("x", d, width));
            all.add(new Matrix("dt_down", width, m.dRank()));
            all.add(new Matrix("b", width, m.dState()));
            all.add(new Matrix("c", width, m.dState()));
            all.add(new Matrix("dt", m.dRank(), width));
        } else if (r instanceof Mamba2) {
            all.add(new Matrix("x", d, width));
            all.add(new Matrix("b", d, keys));
            all.add(new Matrix("c", d, keys));
            all.add(new Matrix("dt", d, r.nHeads()));
        } else if (r instanceof RgLru) {
            all.add(new Matrix("x", d, width));
        } else {
            all.add(new Matrix("q", d, keys));
            all.add(new Matrix("k", d, keys));
            all.add(new Matrix("v", d, width));
        }
        if (r instanceof DeltaNet n) {
            all.add(new Matrix("beta", d, n.nHeads()));
            low(all, "decay", n, d, (long) n.nHeads() * n.decays());
            low(all, "gate", n, d, width);
        } else {
            all.add(new Matrix("gate", d, width));
        }
        return all;
    }

    private static void low(List<Matrix> all, String name, DeltaNet n, long d, long out) {
        if (n.dLatent() != null) all.add(new Matrix(name + "_down", d, n.dLatent()));
        all.add(new Matrix(name, n.dLatent() == null ? d : n.dLatent(), out));
    }

    /** Parameters that are in no matrix of a product with the layer's input, but for the output's bias. */
    static long vectors(Recurrent r, long d) {
        long width = (long) r.nHeads() * r.dHead();
        long kernel = r.width() == 1 ? 0 : (long) r.width() * r.channels();
        if (r instanceof Mamba m) {
            long norms = m.partNorm() == null || !m.partNorm().weight() ? 0 : m.dRank() + 2L * m.dState();
            return kernel + bias(m.convBias(), width) + bias(m.bias(), 2 * width) + width * (m.dState() + 2L) + norms;
        }
        if (r instanceof Mamba2 m) {
            long in = 2 * width + 2L * m.nKeyHeads() * m.dState() + m.nHeads();
            return kernel
                    + bias(m.convBias(), m.channels())
                    + bias(m.bias(), in)
                    + 3L * m.nHeads()
                    + norm(m.norm(), width);
        }
        if (r instanceof DeltaNet n) return kernel + n.nHeads() * (n.decays() + 1L) + norm(n.norm(), n.dHead());
        if (r instanceof Lightning l) return norm(l.norm(), width);
        return kernel + width + 2 * width + 2 * width * (r.dHead() + 1L) + width; // of RG-LRU: two gates by head
    }

    /** Parameters of the output projection's bias. */
    static long outBias(Recurrent r, long d) {
        boolean has = (r instanceof Mamba m && m.bias()) || (r instanceof Mamba2 m2 && m2.bias()) || r instanceof RgLru;
        return bias(has, d);
    }

    /** FLOPs of the convolution and the step at one position: the state decays, is written and is read. */
    static long flops(Recurrent r) {
        long convolved = r.width() == 1 ? 0 : 2L * r.width() * r.channels();
        return convolved + (r instanceof DeltaNet ? 7 : 5) * r.stateSize();
    }

    private static long bias(boolean has, long size) {
        return has ? size : 0;
    }

    private static long norm(Norm norm, long size) {
        return bias(norm != null && norm.weight(), size);
    }
}
