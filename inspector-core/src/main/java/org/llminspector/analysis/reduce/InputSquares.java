package org.llminspector.analysis.reduce;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.SquareSums;
import org.llminspector.base.Tensor;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Sums of squares of what a model's matrices read, by input channel: the importance matrix of llama.cpp ({@link Imatrix}).
 *
 * <p>Matrices of one {@link MatrixInput} share them: {@code imatrix/HOOK/sum2} F64 [1, channel] and {@code count} I64 [1] of
 * tokens; of experts {@code imatrix/HOOK/expert/sum2} [expert, channel] and {@code count} [expert], of the tokens sent to each.
 * Where the hook precedes a norm's weight, that is applied. Tokens with NaN or an infinity are only in {@code nonfinite} I64,
 * shaped as {@code count}.
 */
public final class InputSquares implements Reducer {

    private final DecoderSpec spec;
    private final Weights weights; // null where states are only merged
    private final List<MatrixInput> inputs; // one for each of the names in a state
    private final Map<String, SquareSums> sums = new TreeMap<>();
    private final Map<String, float[][]> norms = new HashMap<>();

    private float[] window = new float[0]; // [pos, channel], used again

    /** What the experts of a layer read, until it is known to whom each token is sent: [batch, pos, channel]. */
    private float[] held = new float[0];

    private MatrixInput holding;
    private int width; // channels of what is held
    private int[] indices; // [batch, pos, slot] of this layer

    public InputSquares(SweptModel model) {
        this.spec = model.spec();
        this.weights = model.weights();
        Map<String, MatrixInput> apart = new LinkedHashMap<>();
        for (MatrixInput i : MatrixInput.all(spec)) if (!i.modules().isEmpty()) apart.putIfAbsent(at(i), i);
        this.inputs = List.copyOf(apart.values());
    }

    /** Name of an input's tensors in a state, with a slash at its end. */
    static String at(MatrixInput input) {
        return "imatrix/" + input.hook().name() + (input.expert() ? "/expert/" : "/");
    }

    @Override
    public SortedSet<HookId> hooks() {
        SortedSet<HookId> hooks = new TreeSet<>();
        for (MatrixInput i : inputs) {
            hooks.add(i.hook());
            if (!i.expert()) continue;
            hooks.add(HookId.of(HookPoint.EXPERT_INDICES, i.layer()));
            if (weighed(i)) hooks.add(HookId.of(HookPoint.EXPERT_WEIGHTS, i.layer()));
        }
        return hooks;
    }

    private Experts experts(MatrixInput i) {
        return spec.layers().get(i.layer()).mlp().experts();
    }

    /** Whether the token is multiplied by its score before the expert reads it. */
    private boolean weighed(MatrixInput i) {
        return i.feeds() == MatrixInput.Feeds.EXPERT_IN && experts(i).weighsInput();
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        if (hook.point() == HookPoint.EXPERT_INDICES) {
            float[] numbers = value.toFloats();
            indices = new int[numbers.length];
            for (int i = 0; i < numbers.length; i++) indices[i] = (int) numbers[i];
            if (holding != null && !weighed(holding)) send(batch, null);
            return;
        }
        if (hook.point() == HookPoint.EXPERT_WEIGHTS) {
            send(batch, value.toFloats());
            return;
        }
        List<MatrixInput> readers =
                inputs.stream().filter(i -> i.hook().equals(hook)).toList();
        float[][] norm = norm(readers.get(0).norm()); // those of one hook have one
        int size = Math.toIntExact(value.size() / batch.size());
        if (window.length < size) window = new float[size];
        for (int b = 0; b < batch.size(); b++) {
            value.toFloats((long) b * size, window, size);
            if (norm != null) apply(norm[0], norm[1], window, size);
            for (MatrixInput i : readers) {
                if (!i.expert()) dense(batch, b, i, size);
                else if (i.feeds() == MatrixInput.Feeds.EXPERT_OUT) slots(batch, b, i);
                else hold(batch, b, i, size);
            }
        }
    }

    private void dense(WindowBatch batch, int b, MatrixInput input, int size) {
        int channels = size / batch.positions();
        int from = batch.from()[b];
        sums.computeIfAbsent(at(input), at -> new SquareSums(at, 1, channels))
                .add(0, window, from * channels, batch.positions() - from);
    }

    private void hold(WindowBatch batch, int b, MatrixInput input, int size) {
        if (held.length < batch.size() * size) held = new float[batch.size() * size];
        System.arraycopy(window, 0, held, b * size, size);
        holding = input;
        width = size / batch.positions();
    }

    /** Adds what is held to the experts that the tokens are sent to. */
    private void send(WindowBatch batch, float[] scores) {
        int channels = width;
        int slots = indices.length / batch.size() / batch.positions();
        SquareSums to = sums.computeIfAbsent(
                at(holding), at -> new SquareSums(at, experts(holding).count(), channels));
        float[] weighed = new float[channels];
        for (int b = 0; b < batch.size(); b++) {
            for (int p = batch.from()[b]; p < batch.positions(); p++) {
                int token = b * batch.positions() + p;
                for (int s = token * slots; s < (token + 1) * slots; s++) {
                    if (scores == null) {
                        to.add(indices[s], held, token * channels, 1);
                        continue;
                    }
                    for (int c = 0; c < channels; c++) weighed[c] = held[token * channels + c] * scores[s];
                    to.add(indices[s], weighed, 0, 1);
                }
            }
        }
        holding = null;
    }

    /** Adds what the chosen experts read in a window, [pos, slot, channel]. */
    private void slots(WindowBatch batch, int b, MatrixInput input) {
        int slots = indices.length / batch.size() / batch.positions();
        int channels = spec.layers().get(input.layer()).mlp().dMlp();
        SquareSums to = sums.computeIfAbsent(
                at(input), at -> new SquareSums(at, experts(input).count(), channels));
        int first = b * batch.positions() * slots;
        for (int s = batch.from()[b] * slots; s < batch.positions() * slots; s++) {
            to.add(indices[first + s], window, s * channels, 1);
        }
    }

    /** Applies a norm's weight and bias to the first {@code size} values. */
    private static void apply(float[] w, float[] b, float[] x, int size) {
        for (int at = 0; at < size; at += w.length) {
            for (int c = 0; c < w.length; c++) x[at + c] = x[at + c] * w[c] + b[c];
        }
    }

    /** Weight and bias of a norm, or null where it has none. */
    private float[][] norm(String norm) {
        return norm == null ? null : norms.computeIfAbsent(norm, this::read);
    }

    private float[][] read(String norm) {
        if (weights == null) throw new IllegalStateException("without the model's weights states are only merged");
        if (!weights.has(norm + ".weight")) return null;
        float[] w = weights.get(norm + ".weight").toFloats();
        float[] b = weights.has(norm + ".bias") ? weights.get(norm + ".bias").toFloats() : new float[w.length];
        return new float[][] {w, b};
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        sums.values().forEach(s -> s.write(state));
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (MatrixInput i : inputs) {
            SquareSums more = SquareSums.read(at(i), later);
            if (more == null) continue;
            sums.computeIfAbsent(at(i), at -> new SquareSums(at, more.rows(), more.channels()))
                    .merge(more);
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        long bytes = 0;
        for (MatrixInput i : inputs) {
            long channels = HookSizes.channels(i.hook(), spec);
            if (i.feeds() == MatrixInput.Feeds.EXPERT_OUT)
                channels /= experts(i).active();
            bytes += SquareSums.bytes(i.expert() ? experts(i).count() : 1, channels);
        }
        return bytes;
    }
}
