package org.llminspector.family;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.NamedTensors;
import org.llminspector.checkpoint.TensorInfo;

/**
 * Inverse of a {@link WeightPlan}: the tensors of a model's files from its canonical weights, so that a trained model of
 * any family is written in the layout of the model that it was trained from.
 *
 * <p>A plan says only how a weight is read, so tensors of known values are read by it: from those whose values are
 * their own indices a weight gets the index of each of its values, and from zeros what it adds to them (1, in Gemma's norms).
 * Other functions of the files' values (a softplus, quantized blocks) have no such inverse and are refused.
 */
public final class WeightLayout {

    /** Bits of an index that a float32 has exactly. */
    private static final int EXACT_BITS = 24;

    /** Most elements of a tensor: a float32 array of 2 GiB. */
    private static final int MOST = (Integer.MAX_VALUE - 8) / Float.BYTES;

    private final Weights model;
    private final Checkpoint checkpoint;
    private final WeightPlan plan;

    WeightLayout(Weights model, Checkpoint checkpoint, WeightPlan plan) {
        this.model = model;
        this.checkpoint = checkpoint;
        this.plan = plan;
    }

    /** A tensor of the files that canonical weights read; without memory while the layout is only checked. */
    private static final class Target {

        private final TensorInfo info;
        private final DType dtype;
        private final BitSet written = new BitSet();
        private final ByteBuffer bytes;

        Target(TensorInfo info, DType dtype) {
            this.info = info;
            this.dtype = dtype;
            this.bytes = dtype == null
                    ? null
                    : ByteBuffer.allocate((int) info.elements() * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        }

        void put(int i, float value) {
            switch (dtype) {
                case F16 -> bytes.putShort(2 * i, HalfFloats.toF16(value));
                case BF16 -> bytes.putShort(2 * i, HalfFloats.toBf16(value));
                default -> bytes.putFloat(4 * i, value);
            }
        }

        /** The tensor; elements that no weight reads are those of the files. */
        Tensor tensor(Tensor inFile) {
            int size = (int) info.elements();
            for (int i = written.nextClearBit(0); i < size; i = written.nextClearBit(i + 1))
                put(i, (float) inFile.get(i));
            return Tensor.of(dtype, bytes, inFile.shape());
        }
    }

    /**
     * Refuses a model that has a weight without an inverse; reads no weights.
     *
     * @throws Problem UNSUPPORTED, with the names of the tensor and the weight
     */
    public void check() {
        targets(name -> null, null);
    }

    /**
     * Every tensor of the files, in their order: those that weights read with the weights' values, the others unchanged.
     *
     * @param weights a canonical weight's values in its shape
     * @param dtype F32, F16 or BF16, of the tensors that weights read
     */
    public Map<String, Tensor> tensors(Function<String, Tensor> weights, DType dtype) {
        Map<String, Target> targets = targets(name -> weights.apply(name).toFloats(), dtype);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : checkpoint.tensors().keySet()) {
            Target target = targets.get(name);
            tensors.put(name, target == null ? checkpoint.get(name) : target.tensor(checkpoint.get(name)));
        }
        String embedding = plan.source("embed.weight").tensor();
        if (!model.spec().tied()) return tensors;
        tensors.replaceAll((name, tensor) ->
                targets.containsKey(name) || !sameInFile(name, embedding) ? tensor : tensors.get(embedding));
        return tensors;
    }

    /** Whether the files repeat a tensor under another name: a tied unembedding that is stored nevertheless. */
    private boolean sameInFile(String name, String other) {
        TensorInfo a = checkpoint.info(name);
        TensorInfo b = checkpoint.info(other);
        if (a.dtype() != b.dtype() || !a.shape().equals(b.shape())) return false;
        Tensor values = checkpoint.get(name);
        Tensor others = checkpoint.get(other);
        for (long i = 0; i < values.size(); i++) if (values.get(i) != others.get(i)) return false;
        return true;
    }

    /** The tensors that weights read, with the weights' values; without them where the layout is only checked. */
    private Map<String, Target> targets(Function<String, float[]> weights, DType dtype) {
        Map<String, Target> targets = new LinkedHashMap<>();
        Set<String> shared = model.shared().keySet();
        for (String name : model.names()) {
            if (!shared.contains(name)) new Origin(name, targets, dtype).give(weights.apply(name));
        }
        return targets;
    }

    /** Value of element i of all that a source reads. */
    @FunctionalInterface
    private interface Value {
        float at(int i);
    }

    /** Where the values of one canonical weight lie. */
    private final class Origin {

        /** A tensor that it reads, and the number of its first element among those of all. */
        private record Part(Target tensor, int first) {}

        private final String name;
        private final WeightPlan.Source source;
        private final Map<String, Target> targets;
        private final DType dtype;
        private final Map<String, Part> parts = new LinkedHashMap<>();
        private int size; // elements of all parts

        Origin(String name, Map<String, Target> targets, DType dtype) {
            this.name = name;
            this.source = plan.source(name);
            this.targets = targets;
            this.dtype = dtype;
        }

        private Part part(String tensor) {
            return parts.computeIfAbsent(tensor, t -> {
                TensorInfo info = checkpoint.info(t);
                if (info.blocks() != null) throw refused("blocks in " + info.format());
                if (info.elements() > MOST - size) throw refused(info.elements() + " values, more than can be trained");
                Part part = new Part(targets.computeIfAbsent(t, n -> new Target(info, dtype)), size);
                size += (int) info.elements();
                return part;
            });
        }

        /** @param values the weight's, or null */
        void give(float[] values) {
            WeightPlan.Source.Rows rows = source.inFile();
            if (rows != null) {
                Target tensor = part(source.tensor()).tensor();
                int row = (int) (Tensor.elements(model.shape(name)) / rows.count());
                int first = rows.from() * row;
                int end = first + rows.count() * row;
                int other = tensor.written.nextSetBit(first);
                if (other >= 0 && other < end) throw readTwice();
                tensor.written.set(first, end);
                if (values != null) for (int i = first; i < end; i++) tensor.put(i, values[i - first]);
                return;
            }
            float[] added = read(i -> 0);
            float[] low = read(i -> i & (1 << EXACT_BITS) - 1);
            float[] high = size > 1 << EXACT_BITS ? read(i -> i >>> EXACT_BITS) : added;
            float[] mixed = read(WeightLayout::mixed);
            List<Part> all = new ArrayList<>(parts.values());
            for (int j = 0; j < added.length; j++) {
                float index = low[j] - added[j];
                int i = (int) index + ((int) (high[j] - added[j]) << EXACT_BITS);
                if (index != (int) index || i < 0 || i >= size || mixed[j] != mixed(i) + added[j])
                    throw refused("another function of the file's values");
                int p = all.size() - 1;
                while (all.get(p).first() > i) p--;
                Target tensor = all.get(p).tensor();
                int at = i - all.get(p).first();
                if (tensor.written.get(at)) throw readTwice();
                tensor.written.set(at);
                if (values != null) tensor.put(at, values[j] - added[j]);
            }
        }

        private Problem readTwice() {
            return refused("a value that another weight reads too");
        }

        private float[] read(Value value) {
            return source.read(new Probe(value)).toFloats();
        }

        private Problem refused(String found) {
            return Problem.unsupported("a model with this weight cannot be written back after training")
                    .where(checkpoint.info(source.tensor()).file() + ", tensor " + source.tensor() + ", weight " + name)
                    .expected("values of the tensor in any order, or these plus a constant")
                    .found(found)
                    .instead("train from a checkpoint in plain numbers, or a model of another family");
        }

        /** The model's tensors with values of their own. */
        private final class Probe implements NamedTensors {

            private final Value value;

            Probe(Value value) {
                this.value = value;
            }

            @Override
            public Tensor get(String tensor, long... shape) {
                int first = part(tensor).first();
                float[] values = new float[Math.toIntExact(Tensor.elements(shape))];
                for (int i = 0; i < values.length; i++) values[i] = value.at(first + i);
                return Tensor.of(values, shape);
            }

            @Override
            public Tensor packedRows(String tensor, int first, int step, int take) {
                part(tensor);
                throw new IllegalStateException("rows in MXFP4 of plain numbers: " + tensor);
            }
        }
    }

    /** A number in [0, 1) of an index (MurmurHash3's finalizer), which no function of a value takes to another's. */
    private static float mixed(int i) {
        int h = i + 0x9E3779B9;
        h = (h ^ h >>> 16) * 0x85EBCA6B;
        h = (h ^ h >>> 13) * 0xC2B2AE35;
        return ((h ^ h >>> 16) >>> 9) * 0x1p-23f;
    }
}
