package org.llminspector.analysis.reduce;

import java.util.Arrays;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.Means;
import org.llminspector.analysis.reduce.state.SparseCounts;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Exp;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * What the experts of a mixture are for: how many tokens each gets, which experts get the same tokens, which tokens they are.
 *
 * <p>Per layer, under {@code router/blocks.i/}: {@code load} I64 [expert] of tokens sent to it, {@code together} I64 [expert,
 * expert] of tokens sent to both (its diagonal is the load), {@code entropy/sum|count} of the softmax of the router's logits,
 * nats; {@code tokens/expert|token} I32 and {@code tokens/count} I64 [pair], sorted: how often an expert got a token id,
 * of all pairs that occur. Tokens with NaN or +infinity as a logit are in {@code nonfinite} I64 [1], not in the entropy.
 */
public final class RouterLoads implements Reducer {

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks;
    private final SortedMap<Integer, Layer> layers = new TreeMap<>();

    public RouterLoads(DecoderSpec spec) {
        this.spec = spec;
        this.hooks = hooks(spec);
    }

    static SortedSet<HookId> hooks(DecoderSpec spec) {
        SortedSet<HookId> hooks = new TreeSet<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            if (spec.layers().get(i).mlp().experts() == null) continue;
            hooks.add(HookId.of(HookPoint.ROUTER_LOGITS, i));
            hooks.add(HookId.of(HookPoint.EXPERT_INDICES, i));
        }
        return hooks;
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        Layer to = layer(hook.layer());
        float[] x = value.toFloats();
        int width = x.length / batch.size() / batch.positions();
        for (int b = 0; b < batch.size(); b++) {
            for (int p = batch.from()[b]; p < batch.positions(); p++) {
                int at = (b * batch.positions() + p) * width;
                if (hook.point() == HookPoint.ROUTER_LOGITS) to.addLogits(x, at, width);
                else to.addChoice(x, at, width, batch.tokens()[b][p]);
            }
        }
    }

    private Layer layer(int i) {
        return layers.computeIfAbsent(
                i, k -> new Layer(at(k), spec.layers().get(k).mlp().experts().count()));
    }

    private static String at(int layer) {
        return "router/blocks." + layer + "/";
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        layers.values().forEach(l -> l.write(state));
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            if (hook.point() == HookPoint.EXPERT_INDICES && later.apply(at(hook.layer()) + "load") != null)
                layer(hook.layer()).merge(later);
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        long bytes = 0;
        for (HookId hook : hooks) {
            if (hook.point() != HookPoint.EXPERT_INDICES) continue;
            var experts = spec.layers().get(hook.layer()).mlp().experts();
            long pairs = Math.min((long) experts.count() * spec.vocab(), windows * positions * experts.active());
            long counts = 1L + experts.count() + (long) experts.count() * experts.count();
            bytes += counts * Long.BYTES + Means.bytes(1) + SparseCounts.bytes(pairs);
        }
        return bytes;
    }

    /** Counts of one layer. */
    private static final class Layer {

        private final String at;
        private final int experts;
        private final long[] load;
        private final long[] together; // [expert, expert]
        private final long[] nonfinite = new long[1];
        private final Means entropy;
        private final SparseCounts tokens;

        Layer(String at, int experts) {
            this.at = at;
            this.experts = experts;
            this.load = new long[experts];
            this.together = new long[experts * experts];
            this.entropy = new Means(at + "entropy/");
            this.tokens = new SparseCounts(at + "tokens/", "expert", "token");
            entropy.grow(1);
        }

        void addLogits(float[] x, int from, int n) {
            double most = Double.NEGATIVE_INFINITY;
            for (int e = from; e < from + n; e++) most = Math.max(most, x[e]);
            if (!Double.isFinite(most)) {
                nonfinite[0]++;
                return;
            }
            double sum = 0;
            double weighed = 0;
            for (int e = from; e < from + n; e++) {
                double p = Exp.exp(x[e] - most);
                sum += p;
                if (p > 0) weighed += p * (x[e] - most);
            }
            entropy.add(0, StrictMath.log(sum) - weighed / sum);
        }

        /** Slots may name one expert twice: it is one token of it. */
        void addChoice(float[] x, int from, int slots, int token) {
            for (int s = from; s < from + slots; s++) {
                if (named(x, from, s)) continue;
                int expert = (int) x[s];
                load[expert]++;
                tokens.add(expert, token);
                for (int other = from; other < from + slots; other++) {
                    if (!named(x, from, other)) together[expert * experts + (int) x[other]]++;
                }
            }
        }

        private static boolean named(float[] x, int from, int slot) {
            for (int s = from; s < slot; s++) if (x[s] == x[slot]) return true;
            return false;
        }

        void write(SortedMap<String, Tensor> state) {
            state.put(at + "load", State.of(load, experts));
            state.put(at + "together", State.of(together, experts, experts));
            state.put(at + "nonfinite", State.of(nonfinite, 1));
            entropy.write(state);
            tokens.write(state);
        }

        void merge(Function<String, Tensor> later) {
            for (String name : Arrays.asList("load", "together", "nonfinite")) {
                long[] to = name.equals("load") ? load : name.equals("together") ? together : nonfinite;
                State.add(to, State.longs(later.apply(at + name), at + name), at + name);
            }
            entropy.merge(later);
            tokens.merge(later);
        }
    }
}
