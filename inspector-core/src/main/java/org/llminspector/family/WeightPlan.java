package org.llminspector.family;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.NamedTensors;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Norm;
import org.llminspector.spec.ShortConv;

/** Mapping of each canonical weight to a tensor of the files and the transformations at loading. */
public final class WeightPlan {

    static final Pattern NORM = Pattern.compile("(\\bln[12_]|_norm)\\w*\\.weight$");

    private final Map<String, Source> sources = new LinkedHashMap<>();

    /**
     * Source of one canonical weight in the files.
     *
     * @param tensor name of the tensor in the files
     * @param shape of that tensor
     * @param own shape of the canonical weight
     * @param inFile its rows of that tensor, or null where it is transformed further
     */
    public record Source(
            String tensor, List<Long> shape, List<Long> own, Function<NamedTensors, Tensor> reading, Rows inFile) {

        public Source {
            shape = List.copyOf(shape);
            own = List.copyOf(own);
        }

        /** Rows [from, from + count). */
        record Rows(int from, int count) {}

        /** A tensor unchanged. */
        static Source of(String tensor, long... shape) {
            Rows all = new Rows(0, Math.toIntExact(shape[0]));
            List<Long> sizes = Arrays.stream(shape).boxed().toList();
            return new Source(tensor, sizes, sizes, files -> files.get(tensor, shape), all);
        }

        /** A scalar, stored as [] or [1]. */
        static Source number(String tensor, Checkpoint checkpoint) {
            List<Long> shape = checkpoint.info(tensor).shape();
            List<Long> expected = shape.isEmpty() ? shape : List.of(1L);
            long[] sizes = expected.stream().mapToLong(Long::longValue).toArray();
            return new Source(
                    tensor, expected, List.of(1L), c -> c.get(tensor, sizes).reshaped(1), null);
        }

        /** A [count, rows, cols] tensor as one matrix of count x rows rows. */
        static Source stacked(String tensor, int count, int rows, int cols) {
            int all = Math.multiplyExact(count, rows);
            return new Source(
                    tensor,
                    List.of((long) count, (long) rows, (long) cols),
                    List.of((long) all, (long) cols),
                    files -> files.get(tensor, count, rows, cols).reshaped(all, cols),
                    new Rows(0, all));
        }

        /**
         * Rows of a three-axis tensor in MXFP4: {@code take} of them, every step-th from {@code first} on; only these
         * are decoded.
         */
        static Source packed(String tensor, int count, int rows, int cols, int first, int step, int take) {
            return new Source(
                    tensor,
                    List.of((long) count, (long) rows, (long) cols),
                    List.of((long) take, (long) cols),
                    files -> files.packedRows(tensor, first, step, take),
                    null);
        }

        Tensor read(NamedTensors files) {
            return reading.apply(files);
        }

        private Source then(List<Long> to, UnaryOperator<Tensor> change) {
            return new Source(tensor, shape, to, files -> change.apply(read(files)), null);
        }

        private List<Long> with(int axis, long size) {
            List<Long> to = new ArrayList<>(own);
            to.set(axis, size);
            return to;
        }

        /** Other values of the same shape. */
        Source changed(UnaryOperator<Tensor> change) {
            return then(own, change);
        }

        /** Columns [from, to) of a matrix. */
        Source cols(int from, int to) {
            return then(
                    with(1, to - from),
                    t -> t.slice(new int[] {0, Math.toIntExact(t.shape()[0])}, new int[] {from, to}));
        }

        /** Of every {@code of} columns of a matrix, column number {@code part}. */
        Source everyCol(int part, int of) {
            int rows = Math.toIntExact(own.get(0));
            int some = Math.toIntExact(own.get(1) / of);
            return then(with(1, some), t -> t.reshaped(rows, some, of)
                    .slice(new int[] {0, rows}, new int[] {0, some}, new int[] {part, part + 1})
                    .reshaped(rows, some));
        }

        /** One row of a matrix, as a vector. */
        Source row(int i) {
            return rows(i, i + 1).flat();
        }

        /** Rows [from, to) of a matrix, or elements of a vector: a view. */
        Source rows(int from, int to) {
            Rows part = inFile == null ? null : new Rows(inFile.from() + from, to - from);
            return new Source(
                    tensor, shape, with(0, to - from), files -> read(files).rows(from, to), part);
        }

        /** Of every {@code of} blocks of {@code block} rows, block number {@code part}: undoes fusion head by head. */
        Source everyBlock(int block, int part, int of) {
            return everyBlock(block, part, part + 1, of);
        }

        /** Of every {@code of} blocks of {@code block} rows, blocks [from, to). */
        Source everyBlock(int block, int from, int to, int of) {
            return then(with(0, own.get(0) / of * (to - from)), t -> {
                long[] shape = t.shape();
                int groups = Math.toIntExact(shape[0] / block / of);
                int cols = Math.toIntExact(t.size() / shape[0]);
                shape[0] = shape[0] / of * (to - from);
                return t.reshaped(groups, of, (long) block * cols)
                        .slice(new int[] {0, groups}, new int[] {from, to}, new int[] {0, block * cols})
                        .reshaped(shape);
            });
        }

        /**
         * Reorders RoPE's pairs from (2 i, 2 i + 1) to (i, i + dims / 2), head by head: rows of q and k where the
         * reference rotates interleaved pairs.
         *
         * @param dHead rows per head
         * @param dims of them are rotated
         */
        Source rotatedInHalves(int dHead, int dims) {
            int half = dims / 2;
            return then(
                    own,
                    t -> t.withRows(r -> {
                        int i = r % dHead;
                        return i >= dims ? r : r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
                    }));
        }

        /** In every {@code size} rows, moves the last {@code count} before the others. */
        Source lastFirst(int size, int count) {
            return then(
                    own,
                    t -> t.withRows(r -> {
                        int i = r % size;
                        return i < count ? r + size - count : r - count;
                    }));
        }

        /** A matrix flattened row by row. */
        Source flat() {
            return shaped(List.of(own.stream().reduce(1L, (a, b) -> a * b)));
        }

        Source shaped(List<Long> to) {
            return then(
                    to, t -> t.reshaped(to.stream().mapToLong(Long::longValue).toArray()));
        }

        /** Vectors of the same size, one tensor each, as the rows of a matrix: {@code name} with i for {i}. */
        static Source stacked(String name, int count, int size) {
            return new Source(
                    name.replace("{i}", "0"),
                    List.of((long) size),
                    List.of((long) count, (long) size),
                    files -> {
                        float[] all = new float[count * size];
                        for (int i = 0; i < count; i++) {
                            float[] one = files.get(name.replace("{i}", String.valueOf(i)), size)
                                    .toFloats();
                            System.arraycopy(one, 0, all, i * size, size);
                        }
                        return Tensor.of(all, count, size);
                    },
                    null);
        }

        /** 1 + the values, in float32. */
        Source plusOne() {
            return then(own, t -> {
                float[] values = t.toFloats();
                for (int i = 0; i < values.length; i++) values[i] += 1f;
                return Tensor.of(values, t.shape());
            });
        }

        Source transposed() {
            return then(List.of(own.get(1), own.get(0)), Tensor::transposed);
        }
    }

    /** Adds one weight, or none for null; returns this plan. */
    WeightPlan put(String canonical, Source source) {
        if (source != null) sources.put(canonical, source);
        return this;
    }

    /** Adds a projection stored [out, in], as in Linear. */
    WeightPlan linear(String to, String from, int out, int in, boolean bias) {
        put(to + ".weight", Source.of(from + ".weight", out, in));
        return bias ? put(to + ".bias", Source.of(from + ".bias", out)) : this;
    }

    /**
     * A projection with the rows of B, C and X in sequence, and a kernel with a row per channel, whose last column is
     * the current position.
     */
    WeightPlan convolution(ShortConv conv, int d, String to, String from) {
        for (String end : conv.bias() ? List.of(".weight", ".bias") : List.of(".weight")) {
            boolean bias = end.equals(".bias");
            Source all =
                    bias ? Source.of(from + "in_proj" + end, 3L * d) : Source.of(from + "in_proj" + end, 3L * d, d);
            put(to + "b" + end, all.rows(0, d))
                    .put(to + "c" + end, all.rows(d, 2 * d))
                    .put(to + "x" + end, all.rows(2 * d, 3 * d));
        }
        Source kernel = Source.of(from + "conv.weight", d, 1, conv.width());
        put(
                to + "kernel.weight",
                kernel.shaped(List.of((long) d, (long) conv.width())).transposed());
        if (conv.bias()) put(to + "kernel.bias", Source.of(from + "conv.bias", d));
        return linear(to + "out", from + "out_proj", d, d, conv.bias());
    }

    /** Fused q, k, v: each key head and value head follows its group's queries. */
    WeightPlan qkvByGroup(Attention a, String to, String fused, int d) {
        int queries = a.nHeads() / a.nKvHeads();
        int rows = (a.nHeads() + 2 * a.nKvHeads()) * a.dHead();
        for (String end : a.qkvBias() ? List.of(".weight", ".bias") : List.of(".weight")) {
            Source all = end.equals(".bias") ? Source.of(fused + end, rows) : Source.of(fused + end, rows, d);
            put(to + "q" + end, all.everyBlock(a.dHead(), 0, queries, queries + 2))
                    .put(to + "k" + end, all.everyBlock(a.dHead(), queries, queries + 2))
                    .put(to + "v" + end, all.everyBlock(a.dHead(), queries + 1, queries + 2));
        }
        return this;
    }

    /** Adds an RMSNorm's weight. */
    WeightPlan rmsNorm(String to, String from, int size) {
        return put(to + ".weight", Source.of(from + ".weight", size));
    }

    /** Adds a LayerNorm's weight and bias. */
    WeightPlan layerNorm(String to, String from, int size) {
        return rmsNorm(to, from, size).put(to + ".bias", Source.of(from + ".bias", size));
    }

    /**
     * Reorders the rows of q and k, weights and biases, where the reference rotates interleaved pairs: {@link
     * Source#rotatedInHalves}.
     */
    WeightPlan turnsNeighbours(DecoderSpec spec) {
        for (int i = 0; i < spec.nLayers(); i++) {
            if (!(spec.layers().get(i).mixer() instanceof Attention a) || a.rope() == null) continue;
            for (String part : List.of("q.weight", "k.weight", "q.bias", "k.bias")) {
                sources.computeIfPresent(
                        "blocks." + i + ".attn." + part,
                        (name, source) ->
                                source.rotatedInHalves(a.dHead(), a.rope().rotaryDims()));
            }
            for (String part : List.of("q_norm.weight", "k_norm.weight")) {
                sources.computeIfPresent("blocks." + i + ".attn." + part, (name, source) -> source.flat()
                        .rotatedInHalves(a.dHead(), a.rope().rotaryDims())
                        .shaped(source.own()));
            }
        }
        return this;
    }

    /** Swaps the halves of each head of q and k where the reference rotates the other way. */
    WeightPlan turnsBackwards(DecoderSpec spec) {
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            for (String part : List.of("q.weight", "k.weight", "q.bias", "k.bias"))
                sources.computeIfPresent(
                        "blocks." + i + ".attn." + part, (name, source) -> source.lastFirst(a.dHead(), a.dHead() / 2));
        }
        return this;
    }

    /** A norm's weight and bias, as far as it has them; nothing for null. */
    WeightPlan norm(Norm norm, String to, String from, int size) {
        if (norm != null && norm.weight()) put(to + ".weight", Source.of(from + ".weight", size));
        return norm != null && norm.bias() ? put(to + ".bias", Source.of(from + ".bias", size)) : this;
    }

    /** Other values of a weight, where the model has it. */
    void change(String name, UnaryOperator<Tensor> change) {
        sources.computeIfPresent(name, (n, source) -> source.changed(change));
    }

    /** Transforms every norm's weights, those of recurrences aside. */
    WeightPlan norms(UnaryOperator<Source> change) {
        sources.replaceAll((name, source) -> NORM.matcher(name).find() ? change.apply(source) : source);
        return this;
    }

    /** Checks that the files have every tensor in its shape, by their headers; the first mismatch is a Problem. */
    void check(Checkpoint checkpoint) {
        sources.values().forEach(source -> checkpoint.info(source.tensor(), source.shape()));
    }

    /** Weights that are the same rows of the same tensor as an earlier one, and that one. */
    Map<String, String> shared() {
        Map<List<Object>, String> first = new HashMap<>();
        Map<String, String> shared = new LinkedHashMap<>();
        sources.forEach((name, source) -> {
            if (source.inFile() == null) return;
            String other = first.putIfAbsent(List.of(source.tensor(), source.inFile()), name);
            if (other != null) shared.put(name, other);
        });
        return shared;
    }

    public Set<String> names() {
        return sources.keySet();
    }

    Source source(String canonical) {
        return sources.get(canonical);
    }
}
