package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.GradientRequest.Target;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.torch.libtorch.Tensors;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;

/**
 * Forward pass with the decoder and backward pass with libtorch's autograd, on the engine thread.
 *
 * <p>The gradient at a hook is that of zeros added there: libtorch keeps gradients of leaves only, and an activation is
 * not a leaf.
 */
final class GradientPass {

    private final DecoderSpec spec;
    private final TorchDecoder decoder;
    private final TorchWeights weights;
    private final NDManager manager;

    /** @param weights float32: a value that is cast to another format loses its gradient in DJL */
    GradientPass(DecoderSpec spec, TorchDecoder decoder, TorchWeights weights, NDManager manager) {
        this.spec = spec;
        this.decoder = decoder;
        this.weights = weights;
        this.manager = manager;
    }

    Gradients run(GradientRequest request) {
        boolean before = JniUtils.isGradMode();
        Map<String, NDArray> parameters = request.parameters() ? weights.all() : Map.of();
        try (NDScope scope = new NDScope();
                NDManager own = manager.newSubManager();
                Leaves leaves = new Leaves(request.hooks(), pass(request), null, spec, own)) {
            scope.suppressNotUsedWarning();
            JniUtils.setGradMode(true);
            parameters.values().forEach(p -> p.setRequiresGradient(true));
            long[] ids = IntStream.of(request.tokens()).asLongStream().toArray();
            NDArray logits = decoder.forward(own.create(ids, new Shape(1, ids.length)), KvCache.none(), leaves);
            NDArray each = each(logits, request.targets(), own); // [target]
            NDArray value = each.mul(own.create(weights(request))).sum();
            boolean leaf = request.parameters() || !request.hooks().isEmpty(); // else only the value was requested
            if (leaf) JniUtils.backward((PtNDArray) value, (PtNDArray) own.ones(value.getShape()), false, false);
            List<Double> values = new ArrayList<>();
            for (float v : each.toFloatArray()) values.add((double) v);
            return new Gradients(value.getFloat(), values, leaves.gradients(), norms(parameters), leaves.values());
        } finally {
            parameters.values().forEach(p -> p.setRequiresGradient(false));
            JniUtils.setGradMode(before);
        }
    }

    private static Batch pass(GradientRequest request) {
        SessionRequest pass = request.pass() == null ? SessionRequest.plain(request.tokens().length) : request.pass();
        return new Batch(new int[][] {request.tokens()}, pass, null);
    }

    /** The gradient of the sum of a hook's value times a cotangent, [batch, pos, ...] at each of the batch's hooks. */
    SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        boolean before = JniUtils.isGradMode();
        try (NDScope scope = new NDScope();
                NDManager own = manager.newSubManager();
                Leaves leaves = new Leaves(batch.request().hooks(), unread(batch), of, spec, own)) {
            scope.suppressNotUsedWarning();
            JniUtils.setGradMode(true);
            NDArray ids = own.create(batch.ids(), new Shape(batch.size(), batch.length()));
            decoder.forward(ids, KvCache.none(), leaves, batch.firstLayer(spec));
            NDArray value = leaves.output().mul(Tensors.floats(own, cotangent)).sum();
            JniUtils.backward((PtNDArray) value, (PtNDArray) own.ones(value.getShape()), false, false);
            return leaves.gradients();
        } finally {
            JniUtils.setGradMode(before);
        }
    }

    /** The same changes, and no values returned. */
    private static Batch unread(Batch batch) {
        SessionRequest r = batch.request();
        SessionRequest pass = new SessionRequest(batch.length(), new TreeSet<>(), r.interventions(), r.sources(), true);
        return new Batch(batch.rows(), pass, batch.changed());
    }

    private static float[] weights(GradientRequest request) {
        float[] weights = new float[request.targets().size()];
        for (int i = 0; i < weights.length; i++)
            weights[i] = (float) request.targets().get(i).weight();
        return weights;
    }

    /** Each target's value: its logit, or minus its log probability. */
    private static NDArray each(NDArray logits, List<Target> targets, NDManager own) {
        long vocab = logits.getShape().get(2);
        long[] at = new long[targets.size()];
        float[] logit = new float[at.length]; // 1 where the target is a logit
        for (int i = 0; i < at.length; i++) {
            Target t = targets.get(i);
            at[i] = t.pos() * vocab + t.token();
            logit[i] = t.of() == Of.LOGIT ? 1 : 0;
        }
        NDArray places = own.create(at);
        NDArray scores = logits.reshape(-1).gather(places, 0);
        NDArray nll = logits.logSoftmax(2).reshape(-1).gather(places, 0).neg();
        NDArray meant = own.create(logit);
        return scores.mul(meant).add(nll.mul(meant.neg().add(1)));
    }

    private static List<Gradients.ParameterGradient> norms(Map<String, NDArray> parameters) {
        List<Gradients.ParameterGradient> norms = new ArrayList<>();
        parameters.forEach((name, p) -> {
            NDArray g = p.getGradient();
            List<Long> shape = LongStream.of(p.getShape().getShape()).boxed().toList();
            norms.add(new Gradients.ParameterGradient(
                    name,
                    shape,
                    Math.sqrt(g.square().sum().getFloat()),
                    g.abs().max().getFloat(),
                    Math.sqrt(p.stopGradient().square().sum().getFloat())));
        });
        return norms;
    }

    /**
     * Tap that applies the pass's interventions, adds zero leaves where a gradient is wanted, and copies values; in the
     * hooked form, for the fused one has no gradients.
     */
    private static final class Leaves implements PassTap, AutoCloseable {
        private final Set<HookId> wanted;
        private final Set<HookId> read;
        private final HookId of;
        private final RecordingTap changes;
        private final NDManager manager;
        private final Map<HookId, NDArray> zeros = new HashMap<>();
        private final SortedMap<HookId, Tensor> values = new TreeMap<>();
        private NDArray output;

        /**
         * @param of a value that is kept for the backward pass, after which the forward pass ends; null for none
         */
        Leaves(Set<HookId> wanted, Batch batch, HookId of, DecoderSpec spec, NDManager manager) {
            this.wanted = wanted;
            this.read = batch.request().hooks();
            this.of = of;
            this.changes = new RecordingTap(
                    Set.of(),
                    Change.all(batch.request(), spec, manager, batch::changed),
                    true,
                    StreamHooks.between(spec));
            this.manager = manager;
        }

        @Override
        public boolean wants(HookPoint point, int layer) {
            HookId id = new HookId(point, layer);
            return (of == null ? point == HookPoint.LOGITS : id.equals(of))
                    || wanted.contains(id)
                    || read.contains(id)
                    || changes.wants(point, layer);
        }

        @Override
        public boolean changes(HookPoint point, int layer) {
            return wanted.contains(new HookId(point, layer)) || changes.changes(point, layer);
        }

        @Override
        public NDArray at(HookPoint point, int layer, NDArray value) {
            NDArray v = changed(point, layer, value);
            see(point, layer, v);
            return v;
        }

        @Override
        public NDArray changed(HookPoint point, int layer, NDArray value) {
            HookId id = new HookId(point, layer);
            NDArray v = changes.changed(point, layer, value);
            return wanted.contains(id) ? v.add(leaf(id, v)) : v;
        }

        @Override
        public void see(HookPoint point, int layer, NDArray value) {
            HookId id = new HookId(point, layer);
            if (read.contains(id)) values.put(id, Tensors.copy(value));
            if (!id.equals(of)) return;
            NDScope.unregister(value);
            output = value;
        }

        @Override
        public boolean enough(int layer) {
            return of != null && of.point().layered() && layer >= of.layer();
        }

        NDArray output() {
            return output;
        }

        @Override
        public Affine<NDArray> affine(HookPoint point, int layer, NDArray zeros, NDArray ones) {
            HookId id = new HookId(point, layer);
            if (!changes.changes(point, layer)) return new Affine<>(leaf(id, zeros), null);
            Affine<NDArray> own = changes.affine(point, layer, zeros, ones);
            return wanted.contains(id) ? new Affine<>(own.ofZeros().add(leaf(id, zeros)), own.ofOnes()) : own;
        }

        private NDArray leaf(HookId id, NDArray shape) {
            NDArray leaf = manager.zeros(shape.getShape(), DataType.FLOAT32);
            NDScope.unregister(leaf);
            leaf.setRequiresGradient(true);
            zeros.put(id, leaf);
            return leaf;
        }

        SortedMap<HookId, Tensor> gradients() {
            TreeMap<HookId, Tensor> gradients = new TreeMap<>();
            zeros.forEach((id, leaf) -> {
                float[] values = leaf.getGradient().toFloatArray();
                gradients.put(id, Tensor.of(values, leaf.getShape().getShape()));
            });
            return gradients;
        }

        SortedMap<HookId, Tensor> values() {
            return values;
        }

        @Override
        public void close() {
            zeros.values().forEach(NDArray::close);
            if (output != null) output.close();
        }
    }
}
