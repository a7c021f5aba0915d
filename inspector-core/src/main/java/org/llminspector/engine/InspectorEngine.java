package org.llminspector.engine;

import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.spec.DecoderSpec;

/** InspectorEngine is one open model, ready to run. Close it to give its memory back. */
public interface InspectorEngine extends AutoCloseable {

    DecoderSpec spec();

    EngineInfo info();

    /** What it holds now. */
    default MemoryUse memory() {
        return new MemoryUse(info().weightBytes(), 0);
    }

    /** Frees memory that it keeps for later captures. */
    default void trim() {}

    /** Starts a sequence with an empty KV cache. */
    Session begin(SessionRequest request);

    /**
     * Reads a residual stream as if it were the last: final norm, then unembedding (the logit lens).
     *
     * @param resid [batch, pos, d_model]
     * @return [batch, pos, vocab]
     */
    Tensor unembed(Tensor resid);

    /**
     * The same model under another plan; what both have in one format is shared. Close it before this one. An engine
     * with one precision for all modules says so.
     */
    default InspectorEngine variant(PrecisionPlan plan) {
        throw Problem.unsupported("this engine has one precision for all modules")
                .where("engine")
                .expected("onnx")
                .found(info().name())
                .instead("ask again with engine onnx");
    }

    /**
     * The same open model with sequences whose keys and values are kept in these formats; weights are shared, and closing it does
     * nothing. An engine whose graphs are written for one format is opened for each, and gives itself.
     */
    default InspectorEngine keeping(KvFormats formats) {
        return this;
    }

    /** Runs forwards and backwards, in float32; an engine without gradients says so. */
    default Gradients gradients(GradientRequest request) {
        throw Problem.unsupported("this engine has no gradients")
                .where("engine")
                .expected("torch")
                .found(info().name())
                .instead("ask again with engine torch");
    }

    @Override
    void close();
}
