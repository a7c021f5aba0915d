package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.layer.PlainOps;
import org.llminspector.engine.layer.Routes;
import org.llminspector.engine.torch.libtorch.Scalars;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/** The operations of one pass as NDArrays: each is computed when it is called. Runs on the engine thread. */
final class ArrayOps implements PlainOps<NDArray> {

    private static final int[] LAST = {-1};

    private final DecoderSpec spec;
    private final TorchWeights weights;
    private final Scalars scalars;
    private final Positions.Pass pass;
    private final KvCache cache;
    private final long rows; // of the batch
    private final Map<Integer, NDArray> keys = new HashMap<>(); // of layers whose keys later ones read
    private final Map<Integer, NDArray> values = new HashMap<>();

    /**
     * @param pass and {@code cache} null for operations that depend on no position
     * @param rows of the batch
     */
    ArrayOps(DecoderSpec spec, TorchWeights weights, Scalars scalars, Positions.Pass pass, KvCache cache, long rows) {
        this.spec = spec;
        this.weights = weights;
        this.scalars = scalars;
        this.pass = pass;
        this.cache = cache;
        this.rows = rows;
    }

    KvCache cache() {
        return cache;
    }

    @Override
    public boolean has(String name) {
        return weights.has(name);
    }

    @Override
    public NDArray weight(String name) {
        return weights.get(name);
    }

    @Override
    public NDArray number(double value) {
        return scalars.of(value);
    }

    @Override
    public NDArray linear(NDArray x, String module) {
        return weights.linear(module).apply(x);
    }

    @Override
    public List<NDArray> linears(NDArray x, List<String> modules) {
        return List.of(weights.group(modules).apply(x));
    }

    @Override
    public NDArray exact(NDArray x, String module) {
        return linear(x, module);
    }

    @Override
    public NDArray matrix(String module) {
        return weights.linear(module).weight().toType(DataType.FLOAT32, false);
    }

    @Override
    public NDArray matmul(NDArray a, NDArray b) {
        return a.matMul(b);
    }

    @Override
    public NDArray apply(Fn2 f, NDArray a, NDArray b) {
        return switch (f) {
            case ADD -> a.add(b);
            case SUB -> a.sub(b);
            case MUL -> a.mul(b);
            case DIV -> a.mul(b.pow(scalars.of(-1))); // b has far fewer values, and to divide takes longer
            case MIN -> a.minimum(b);
        };
    }

    @Override
    public NDArray apply(Fn f, NDArray x) {
        return switch (f) {
            case RELU -> Activation.relu(x);
            case GELU -> Activation.gelu(x);
            case GELU_TANH -> // x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
                x.pow(scalars.of(3))
                        .mul(scalars.of(0.044715f))
                        .add(x)
                        .mul(scalars.of((float) Math.sqrt(2 / Math.PI)))
                        .tanh()
                        .add(scalars.of(1))
                        .mul(x.mul(scalars.of(0.5)));
            case SIGMOID -> Activation.sigmoid(x);
            case TANH -> x.tanh();
            case SQUARE -> x.square();
            case SQRT -> x.sqrt();
            case EXPM1 -> Activation.elu(x, 1);
            case EXP -> x.exp();
            case SOFTPLUS -> Activation.softPlus(x);
        };
    }

    @Override
    public NDArray swish(NDArray x, double beta) {
        return x.div((beta == 1 ? x.neg() : x.mul(scalars.of(-beta))).exp().add(scalars.of(1)));
    }

    @Override
    public NDArray clip(NDArray x, double least, double most) {
        return x.clip(least, most);
    }

    @Override
    public NDArray whereAbove(NDArray x, double threshold, NDArray a, NDArray b) {
        return NDArrays.where(x.gt(scalars.of(threshold)).broadcast(a.getShape()), a, b);
    }

    @Override
    public NDArray sum(NDArray x, int axis) {
        return x.sum(new int[] {axis});
    }

    @Override
    public NDArray mean(NDArray x) {
        return x.mean(LAST, true);
    }

    @Override
    public NDArray softmax(NDArray x) {
        return x.softmax(-1);
    }

    @Override
    public NDArray reshape(NDArray x, long... sizes) {
        long[] shape = sizes.clone();
        if (shape[0] == 0) shape[0] = rows; // to ask for a shape is a call into libtorch
        for (int i = 1; i < shape.length; i++) {
            if (shape[i] == 0) shape[i] = x.getShape().get(i);
        }
        return x.reshape(new Shape(shape));
    }

    @Override
    public NDArray transpose(NDArray x, int... axes) {
        return x.transpose(axes);
    }

    @Override
    public NDArray concat(int axis, List<NDArray> parts) {
        return NDArrays.concat(new NDList(parts), axis);
    }

    @Override
    public NDArray slice(NDArray x, int axis, long from, long to) {
        long size = x.getShape().get(axis);
        long end = to < 0 ? size + to : Math.min(to, size);
        NDIndex index = new NDIndex();
        if (axis > 0) index.addAllDim(axis);
        return x.get(index.addSliceDim(from < 0 ? size + from : from, end));
    }

    @Override
    public NDArray expand(NDArray x, NDArray like, int... axes) {
        long[] shape = x.getShape().getShape().clone();
        for (int axis : axes) shape[axis] = like.getShape().get(axis);
        return x.broadcast(new Shape(shape));
    }

    @Override
    public List<NDArray> topK(NDArray x, int k) {
        return x.topK(k, -1, true, true);
    }

    @Override
    public NDArray gather(NDArray x, NDArray indices) {
        return x.gather(indices, x.getShape().dimension() - 1);
    }

    @Override
    public NDArray oneHot(NDArray indices, int count) {
        return indices.oneHot(count);
    }

    @Override
    public NDArray asNumbers(NDArray indices) {
        return indices.toType(DataType.FLOAT32, false);
    }

    @Override
    public NDArray asIndices(NDArray numbers) {
        return numbers.toType(DataType.INT64, false);
    }

    @Override
    public Routes<NDArray> routes(NDArray indices, Experts experts) {
        return new ArrayRoutes(weights.experts, indices.getManager(), indices.toLongArray(), experts, rows);
    }

    @Override
    public NDArray embedding(NDArray ids) {
        NDArray table = weights.get("embed.weight");
        NDList rows = ids.getNDArrayInternal().embedding(ids, table, SparseFormat.DENSE);
        return rows.head().toType(DataType.FLOAT32, false);
    }

    /** Read from the files: no table of all tokens is in libtorch's memory. */
    @Override
    public NDArray rows(String table, NDArray ids) {
        return weights.rows(table, ids);
    }

    @Override
    public NDArray positions() {
        NDArray one = weights.get("pos_embed.weight")
                .get(new NDIndex().addSliceDim(pass.start(), pass.end()))
                .expandDims(0);
        return rows == 1 ? one : one.repeat(0, rows);
    }

    @Override
    public NDArray rotate(NDArray x, Rope rope, int width) {
        return pass.rotate(x, rope);
    }

    @Override
    public NDArray queryScale(QueryScale scale) {
        return pass.queryScale(scale);
    }

    @Override
    public NDArray masked(NDArray scores, Attention a) {
        NDArray mask = pass.mask(a);
        return mask == null ? scores : scores.add(mask);
    }

    @Override
    public boolean cachesHeads(int layer) {
        return cache.whole(layer);
    }

    @Override
    public NDArray keys(int layer, NDArray k) {
        return kept(keys, layer, cache.keys(layer, k.transpose(0, 2, 1, 3)));
    }

    @Override
    public NDArray values(int layer, NDArray v) {
        return kept(values, layer, cache.values(layer, v.transpose(0, 2, 1, 3)));
    }

    @Override
    public NDArray keysOf(int layer) {
        return keys.get(layer);
    }

    @Override
    public NDArray valuesOf(int layer) {
        return values.get(layer);
    }

    /** Keeps what a later layer reads until the pass ends. */
    private NDArray kept(Map<Integer, NDArray> all, int layer, NDArray x) {
        if (spec.lendsKeys(layer)) all.put(layer, pass.keep(x));
        return x;
    }

    @Override
    public NDArray withState(int layer, NDArray x, int past) {
        return cache.convolved(layer, x, past);
    }

    @Override
    public NDArray firstPosition() {
        float[] first = new float[pass.count()];
        if (pass.start() == 0) first[0] = 1;
        return pass.create(first);
    }

    @Override
    public NDArray state(int layer) {
        return cache.recurrent(layer, spec.layers().get(layer).recurrence(), rows, pass.manager());
    }

    @Override
    public void keepState(int layer, NDArray state) {
        cache.keepRecurrent(layer, state);
    }

    @Override
    public List<NDArray> scan(NDArray before, List<NDArray> over, Step<NDArray> step) {
        NDArray state = before;
        List<NDList> outs = new ArrayList<>();
        for (int t = 0; t < over.get(0).getShape().get(1); t++) {
            NDIndex here = new NDIndex().addAllDim().addIndices(t);
            List<NDArray> out =
                    step.at(state, over.stream().map(x -> x.get(here)).toList());
            state = out.get(0);
            for (int i = 1; i < out.size(); i++) {
                if (t == 0) outs.add(new NDList());
                outs.get(i - 1).add(out.get(i));
            }
        }
        List<NDArray> all = new ArrayList<>(List.of(state));
        outs.forEach(out -> all.add(NDArrays.stack(out, 1)));
        return all;
    }

    @Override
    public List<NDArray> byLength(int least, List<NDArray> reads, Values<NDArray> few, Values<NDArray> many) {
        return (pass.count() < least ? few : many).of(reads);
    }

    @Override
    public NDArray padded(NDArray x, int multiple) {
        long[] sizes = x.getShape().getShape().clone();
        sizes[1] = Math.floorMod(-sizes[1], multiple);
        return sizes[1] == 0 ? x : x.concat(x.getManager().zeros(new Shape(sizes)), 1);
    }

    @Override
    public NDArray trimmed(NDArray x, NDArray like) {
        return slice(x, 1, 0, like.getShape().get(1));
    }

    @Override
    public NDArray count(int count, NDArray like) {
        return like.getManager().arange(0f, count, 1f);
    }
}
