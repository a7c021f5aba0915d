package org.llminspector.web.cli.common;

import org.llminspector.base.Problem;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.request.RunRequestBuilder;
import picocli.CommandLine.Option;

/** Options of how a model is opened: engine, device, precision. */
public final class EngineFlags {

    @Option(names = "--engine", paramLabel = "NAME", description = "torch, onnx. Default: torch; onnx for .onnx.")
    String engine;

    @Option(names = "--device", paramLabel = "NAME", description = "auto, cpu, cuda:0. Default: auto.")
    String device;

    @Option(
            names = "--precision",
            paramLabel = "NAME",
            description = "fp32, fp16; on onnx also int8, int8_weight, int4_32, int4_128. Default: fp32.")
    String precision;

    @Option(
            names = "--precision-plan",
            paramLabel = "JSON",
            description = "Another precision for some modules, as JSON or @FILE.")
    String plan;

    @Option(
            names = "--simulate",
            paramLabel = "SCHEME",
            description =
                    "Put every matrix under a quantization scheme (int3, int4-g128-asym, nf4) and decode it again, on torch in fp32: the answers of fewer bits, at no other speed.")
    String simulate;

    /** Sets engine, device, precision and plan of a request. */
    public RunRequestBuilder of(RunRequestBuilder request) {
        return request.engine(engine)
                .device(device)
                .precision(Arguments.precision(precision))
                .precisionPlan(plan());
    }

    private PrecisionPlan plan() {
        if (simulate == null) return Arguments.plan(plan);
        if (plan == null) return PrecisionPlan.simulated(simulate);
        throw Problem.invalid("there are two plans")
                .where("--simulate, --precision-plan")
                .expected("at most one of them")
                .instead("name the schemes in the plan: {\"simulate\":[{\"modules\":\"*\",\"scheme\":\"int3\"}]}");
    }
}
