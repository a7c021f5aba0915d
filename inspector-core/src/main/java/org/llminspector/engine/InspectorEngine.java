package org.llminspector.engine;

import java.util.SortedMap;
import java.util.function.BiConsumer;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** An open model, ready to run. Closing it frees its memory. */
public interface InspectorEngine extends AutoCloseable {

    DecoderSpec spec();

    EngineInfo info();

    /** Memory in use now. */
    default MemoryUse memory() {
        return new MemoryUse(info().weightBytes(), 0);
    }

    /** Frees memory kept for reuse by later captures. */
    default void trim() {}

    /** Starts a sequence with an empty KV cache. */
    Session begin(SessionRequest request);

    /**
     * Runs a batch. Each captured value is passed to the visitor, in the order in which data flows, as float32 [batch, pos,
     * ...]; it is valid during that call only.
     */
    void run(Batch batch, BiConsumer<HookId, Tensor> visitor);

    /** Whether a batch that replaces the whole residual stream before a layer begins there ({@link Batch#firstLayer}). */
    default boolean startsAtLayers() {
        return false;
    }

    /**
     * The logit lens: applies the final norm and the unembedding to a residual stream.
     *
     * @param resid [batch, pos, d_model]
     * @return [batch, pos, vocab]
     */
    Tensor unembed(Tensor resid);

    /**
     * The same model under another plan; weights with the same format in both are shared. Close it before this one. An
     * engine with one precision for all modules throws UNSUPPORTED.
     */
    default InspectorEngine variant(PrecisionPlan plan) {
        throw Problem.unsupported("this engine has one precision for all modules")
                .where("engine")
                .expected("onnx")
                .found(info().name())
                .instead("ask again with engine onnx");
    }

    /**
     * The same open model with another KV cache format; weights are shared, and closing the result does nothing. An
     * engine whose graphs are built for one format returns itself: it is opened once per format.
     */
    default InspectorEngine withKvFormats(KvFormats formats) {
        return this;
    }

    /** Forward and backward pass in float32; an engine without gradients throws UNSUPPORTED. */
    default Gradients gradients(GradientRequest request) {
        throw noGradients();
    }

    /**
     * Vector-Jacobian product: the gradient, by hooked values, of the sum of a hook's value times a cotangent, in float32. An
     * engine without gradients throws UNSUPPORTED.
     *
     * @param batch its hooks are those to differentiate by, and its changes are made before the gradient's leaves
     * @param of whose value is differentiated: logits, or a residual stream between layers
     * @param cotangent in the shape of the value there, [batch, pos, ...]
     * @return [batch, pos, ...] at each hook
     */
    default SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        throw noGradients();
    }

    private Problem noGradients() {
        return Problem.unsupported("this engine has no gradients")
                .where("engine")
                .expected("torch")
                .found(info().name())
                .instead("ask again with engine torch");
    }

    @Override
    void close();
}
