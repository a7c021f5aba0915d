package org.llminspector.golden;

import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Weights;

/** Kind is an engine in one of its forms: each is held against the same goldens, in FP32 on the CPU. */
public enum Kind {
    TORCH,
    /** Fast where nothing but logits is seen, tapped elsewhere: as every run has it. */
    ONNX,
    /** Tapped always. */
    ONNX_TAPPED;

    public InspectorEngine open(Weights weights) {
        return switch (this) {
            case TORCH -> TorchEngine.open(weights, "cpu", Precision.FP32);
            case ONNX -> OnnxEngine.open(weights, "cpu", PrecisionPlan.of(Precision.FP32));
            case ONNX_TAPPED -> new Tapped(OnnxEngine.open(weights, "cpu", PrecisionPlan.of(Precision.FP32)));
        };
    }
}
