package org.llminspector.analysis.reduce;

import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.Vectors;
import org.llminspector.analysis.reduce.state.Means;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * Loss by layer through the logit lens (nostalgebraist 2020): of the tokens that {@link Loss} counts, as if the stream after a
 * layer were the last one.
 *
 * <p>{@code lens/loss/sum} F64 and {@code count} I64 [layer]; {@code lens/same_top} I64 [layer], of those tokens for which the
 * most probable one is the model's own already. The last layer is the model's output. Tokens whose loss is NaN or infinite at a
 * layer are in that one's {@code lens/nonfinite} I64 [layer] only.
 */
public final class LayerLens implements Reducer {

    /** Most logits of one product, 32 MiB. */
    private static final int MOST_LOGITS = 1 << 23;

    private static final String SAME = "lens/same_top";
    private static final String NONFINITE = "lens/nonfinite";

    private final DecoderSpec spec;
    private final UnaryOperator<Tensor> unembed; // null where states are only merged
    private final Means loss = new Means("lens/loss/");
    private final long[] same;
    private final long[] nonfinite;
    private final int[][] tops; // [layer][batch * pos] of this batch; -1 where the loss is not finite
    private boolean empty = true;

    public LayerLens(SweptModel model) {
        this.spec = model.spec();
        this.unembed = model.unembed();
        this.same = new long[spec.nLayers()];
        this.nonfinite = new long[spec.nLayers()];
        this.tops = new int[spec.nLayers()][];
    }

    /** The stream after each layer but the last, and the logits. */
    static SortedSet<HookId> hooks(DecoderSpec spec) {
        HookPoint stream = spec.altUp() == null ? HookPoint.RESID_POST : HookPoint.FORMS;
        SortedSet<HookId> hooks = new TreeSet<>();
        for (int i = 0; i + 1 < spec.nLayers(); i++) hooks.add(HookId.of(stream, i));
        hooks.add(HookId.of(HookPoint.LOGITS));
        return hooks;
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks(spec);
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        boolean output = hook.point() == HookPoint.LOGITS;
        int layer = output ? spec.nLayers() - 1 : hook.layer();
        int positions = batch.positions();
        empty = false;
        loss.grow(spec.nLayers());
        tops[layer] = new int[batch.size() * positions];
        double[] nll = new double[positions];
        for (int b = 0; b < batch.size(); b++) {
            int first = Math.min(positions, Math.max(1, batch.from()[b]));
            int begin = b * positions;
            for (int t = first; t < positions; ) {
                int n = output ? positions - t : Math.min(positions - t, Math.max(1, MOST_LOGITS / spec.vocab()));
                Tensor logits = output ? value : unembedded(value, b, t - 1, n);
                int from = t;
                int[] tokens = batch.tokens()[b];
                LogitRows.each(logits, output ? begin + t - 1 : 0, n, (r, x) -> {
                    nll[from + r] = LogitRows.logSum(x) - x[tokens[from + r]];
                    tops[layer][begin + from + r] = Double.isFinite(nll[from + r]) ? Vectors.argmax(x) : -1;
                });
                t += n;
            }
            for (int t = first; t < positions; t++) {
                if (Double.isFinite(nll[t])) loss.add(layer, nll[t]);
                else nonfinite[layer]++;
            }
        }
        if (output) compare(batch);
    }

    /** Logits of positions [from, from + n) of a window's stream. */
    private Tensor unembedded(Tensor stream, int window, int from, int n) {
        if (unembed == null) throw new IllegalStateException("without a model states are only merged");
        long[] shape = stream.shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 2; a < shape.length; a++) ranges[a] = new int[] {0, Math.toIntExact(shape[a])};
        ranges[0] = new int[] {window, window + 1};
        ranges[1] = new int[] {from, from + n};
        return unembed.apply(stream.slice(ranges));
    }

    /** Counts the layers' tokens that are the output's. */
    private void compare(WindowBatch batch) {
        int[] output = tops[spec.nLayers() - 1];
        for (int i = 0; i < tops.length; i++) {
            for (int b = 0; b < batch.size(); b++) {
                for (int t = Math.max(1, batch.from()[b]); t < batch.positions(); t++) {
                    int top = tops[i][b * batch.positions() + t];
                    if (top >= 0 && top == output[b * batch.positions() + t]) same[i]++;
                }
            }
        }
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        if (empty) return state;
        loss.write(state);
        state.put(SAME, State.of(same, same.length));
        state.put(NONFINITE, State.of(nonfinite, nonfinite.length));
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        Tensor more = later.apply(SAME);
        if (more == null) return;
        empty = false;
        State.add(same, State.longs(more, SAME), SAME);
        State.add(nonfinite, State.longs(later.apply(NONFINITE), NONFINITE), NONFINITE);
        loss.merge(later);
    }

    @Override
    public long bytes(long windows, int positions) {
        return Means.bytes(spec.nLayers()) + 2L * spec.nLayers() * Long.BYTES;
    }
}
