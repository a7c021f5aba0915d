package org.llminspector.engine.onnx;

import org.llminspector.engine.PrecisionPlan;
import org.llminspector.family.Weights;

/** CudaGraphs opens models as they are written for CUDA, and has the CPU run them. */
public final class CudaGraphs {

    /** Written for CUDA, run by the CPU. */
    static final Target TARGET = new Target(null, true, 2);

    private CudaGraphs() {}

    public static OnnxEngine open(Weights weights, PrecisionPlan plan) {
        return OnnxEngine.open(weights, TARGET, plan);
    }
}
