package org.llminspector.engine.onnx.runtime;

import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Plural;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.PrecisionPlan.Choice;
import org.llminspector.spec.DecoderSpec;

/** Description of the number formats in which a model is computed. */
public final class Arithmetic {

    private Arithmetic() {}

    /** For a whole plan on one model. */
    public static String of(PrecisionPlan plan, DecoderSpec spec, Target target) {
        List<String> modules = PrecisionPlan.modules(spec);
        List<Choice> choices = plan.choices(spec);
        if (choices.size() == 1) return of(choices.get(0), target) + cache(plan, target);
        return choices.stream()
                .map(c -> Plural.of(
                                modules.stream()
                                        .filter(m -> plan.at(m).equals(c))
                                        .count(),
                                "module") + ": " + of(c, target))
                .collect(Collectors.joining(" | ", "", cache(plan, target)));
    }

    /** The formats of attention and KV cache, where they differ from fp32 on a CPU; else "". */
    public static String cache(PrecisionPlan plan, Target target) {
        String own = target.usesFp16(plan) ? "fp16" : "fp32";
        String kept = target.kvFormats(plan).words();
        if (!kept.equals(own)) return "; KV cache in " + kept + (target.cuda() ? ", attention in fp32" : "");
        return target.cuda() ? "; attention and KV cache in " + own : "";
    }

    /** For one module's product. */
    public static String of(Choice choice, Target target) {
        return switch (choice.precision()) {
            case FP32 -> "fp32";
            case FP16 ->
                target.cuda()
                        ? "fp16 matrix products; fp32 residual stream and norms"
                        : "fp16 weights, held upcast to fp32; fp32 arithmetic";
            case BF16 -> "bf16";
            case INT8 ->
                "int8 weights (a scale per output channel) times int8 activations (a scale per position), exact int32"
                        + " sums; fp32 elsewhere";
            case INT8_WEIGHT ->
                "int8 weights, a scale in 128 (Q8_0 of a file: its own, in 32); " + kernel(choice, target);
            case INT4_32 -> "int4 weights, a scale in 32 (Q4_0 of a file: its own); " + kernel(choice, target);
            case INT4_128 -> "int4 weights, a scale in 128; " + kernel(choice, target);
        };
    }

    private static String kernel(Choice choice, Target target) {
        int bits = choice.precision().bits();
        if (choice.kernel() == Kernel.EXACT) {
            boolean slow = bits == 8 && !target.cuda();
            return "exact kernel: fp32 activations" + (slow ? " (slow: the weights are decoded each time)" : "");
        }
        if (target.cuda()) return "fast kernel: fp16 activations and scales; fp32 residual stream and norms";
        return KernelProbe.rounds(bits, choice.precision().block())
                ? "fast kernel: activations rounded to int8 in blocks; fp32 elsewhere"
                : "fast kernel asked for, but this CPU has none: fp32 activations";
    }
}
