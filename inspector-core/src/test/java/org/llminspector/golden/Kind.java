package org.llminspector.golden;

import java.util.Arrays;
import java.util.List;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Weights;

/** Kind is an engine in one of its forms on a device: each that the machine has is held against the same goldens, in FP32. */
public enum Kind {
    TORCH("cpu"),
    /** Fast where nothing but logits is seen, hooked elsewhere: as every run has it. */
    ONNX("cpu"),
    /** Hooked always. */
    ONNX_TAPPED("cpu"),
    TORCH_CUDA("cuda:0"),
    ONNX_CUDA("cuda:0"),
    ONNX_TAPPED_CUDA("cuda:0");

    private final String device;

    Kind(String device) {
        this.device = device;
    }

    /** Those that this machine has; with -Dgolden.gpu=true it must have all. */
    public static List<Kind> here() {
        return Arrays.stream(values()).filter(Kind::runs).toList();
    }

    /** The same, without those that are always hooked. */
    public static List<Kind> engines() {
        return here().stream().filter(k -> !k.hooked()).toList();
    }

    private static boolean runs(Kind kind) {
        Capabilities engine = kind.torch() ? TorchEngine.capabilities() : OnnxEngine.capabilities();
        Device device = engine.devices().stream()
                .filter(d -> d.id().equals(kind.device))
                .findFirst()
                .orElseThrow();
        if (!device.available() && Boolean.getBoolean("golden.gpu")) {
            throw new AssertionError(engine.id() + " on " + device.id() + ": " + device.why());
        }
        return device.available();
    }

    public boolean torch() {
        return this == TORCH || this == TORCH_CUDA;
    }

    public boolean gpu() {
        return !device.equals("cpu");
    }

    public boolean hooked() {
        return this == ONNX_TAPPED || this == ONNX_TAPPED_CUDA;
    }

    public InspectorEngine open(Weights weights) {
        return open(weights, Precision.FP32);
    }

    InspectorEngine open(Weights weights, KvFormats formats) {
        if (torch()) return TorchEngine.open(weights, device, Precision.FP32, formats, "");
        PrecisionPlan plan = PrecisionPlan.of(Precision.FP32).withKvFormats(formats);
        OnnxEngine engine = OnnxEngine.open(weights, device, plan);
        return hooked() ? new Hooked(engine) : engine;
    }

    InspectorEngine open(Weights weights, Precision precision) {
        if (torch()) return TorchEngine.open(weights, device, precision);
        OnnxEngine engine = OnnxEngine.open(weights, device, PrecisionPlan.of(precision));
        return hooked() ? new Hooked(engine) : engine;
    }
}
