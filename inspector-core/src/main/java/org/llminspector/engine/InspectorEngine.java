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
