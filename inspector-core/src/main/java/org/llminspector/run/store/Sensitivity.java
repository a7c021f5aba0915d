package org.llminspector.run.store;

import java.util.List;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.request.SensitivityRequest;

/**
 * Quantization sensitivity of each module, and a mixed-precision plan for a byte budget. Bytes are those of the weights
 * in the engine. A is the reference of every KL divergence.
 *
 * @param options as used, with their defaults filled in; tokens is null where the prompt was read
 * @param positions distributions compared in each run
 * @param start the measures of the side that modules were changed from: B when restoring, A when lowering
 * @param startBytes its weights
 * @param endBytes the weights when all the modules are changed
 * @param modules in descending order of effect per byte
 * @param rankCorrelation Spearman's, of the modules' {@code effect} and {@code predicted}; null without predictions,
 *     and where either is the same for all modules
 * @param predictedWhy why nothing was predicted; else null
 * @param plan suggestion for the budget, run and measured; null without a budget
 */
public record Sensitivity(
        SensitivityRequest options,
        int positions,
        OutputMeasures start,
        long startBytes,
        long endBytes,
        List<Module> modules,
        Double rankCorrelation,
        String predictedWhy,
        MixedPlan plan) {

    /** The same, with predictions for its modules, or the reason why there are none. */
    public Sensitivity predicting(List<Module> modules, Double rankCorrelation, String why) {
        return new Sensitivity(options, positions, start, startBytes, endBytes, modules, rankCorrelation, why, plan);
    }

    /**
     * One module changed alone.
     *
     * @param module {@code blocks.3.attn}, {@code blocks.3.mlp.out}, {@code unembed}
     * @param its matrices that are changed
     * @param kld KL(A || this), nats
     * @param effect KL divergence recovered by restoring it, or added by lowering it; its error is that of paired
     *     differences
     * @param bytes that restoring it costs, or lowering it saves
     * @param effectPerByte null where it costs or saves nothing
     * @param predicted KL(A || A with this module of B), nats, predicted from one backward pass of A, see {@link
     *     org.llminspector.analysis.output.OutputFisher}; null where not available
     */
    public record Module(
            String module,
            List<String> matrices,
            Estimate kld,
            Estimate effect,
            long bytes,
            Double effectPerByte,
            Double predicted) {

        /** The same, with its prediction. */
        public Module predicting(double kl) {
            return new Module(module, matrices, kld, effect, bytes, effectPerByte, kl);
        }
    }

    /**
     * Mixed plan within the budget: modules with the most effect per byte restored, or with the least lowered. Effects
     * are not additive, so the plan is run and measured.
     *
     * @param precisionPlan for a run's request
     * @param modules that were changed
     * @param bytes its weights
     * @param expectedKld KL(A || plan) if effects added up
     * @param measures measured over the same positions
     * @param export the same for other tools
     */
    public record MixedPlan(
            PrecisionPlan precisionPlan,
            List<String> modules,
            long bytes,
            double expectedKld,
            OutputMeasures measures,
            Export export) {}

    /**
     * Matrices that the plan keeps in A's precision, as options of quantization tools; the tool quantizes the others as
     * B is.
     *
     * @param llamaQuantize arguments of llama-quantize: {@code --tensor-type}, then a regular expression for one
     *     tensor's name and its type; they apply where the overall type is a quantized one
     * @param llmCompressorIgnore {@code ignore} of llm-compressor's modifiers: names of Hugging Face's modules
     */
    public record Export(List<String> llamaQuantize, List<String> llmCompressorIgnore) {}
}
