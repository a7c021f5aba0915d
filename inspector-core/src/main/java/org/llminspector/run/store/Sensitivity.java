package org.llminspector.run.store;

import java.util.List;
import org.llminspector.analysis.OutputMeasures;
import org.llminspector.analysis.OutputMeasures.Estimate;
import org.llminspector.engine.PrecisionPlan;

/**
 * Sensitivity says what each module is worth to the low precision, and which mix of both is best for a budget of bytes.
 * Bytes are those of the weights as the engine holds them. A is the reference of every KL divergence.
 *
 * @param options as they were used, with their defaults filled in; tokens is null where the prompt was read
 * @param positions distributions compared in each run
 * @param start the measures of the side that modules were changed from: B when restoring, A when lowering
 * @param startBytes its weights
 * @param endBytes the weights when all the modules are changed
 * @param modules those with most effect a byte first
 * @param rankCorrelation Spearman's, of the modules' {@code effect} and {@code predicted}; null without predictions, and
 *     where either is the same for all modules
 * @param predictedWhy why nothing was predicted; else null
 * @param plan what is suggested for the budget, run and measured; null without a budget
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

    /** The same, with what is predicted of its modules, or why nothing is. */
    public Sensitivity predicting(List<Module> modules, Double rankCorrelation, String why) {
        return new Sensitivity(options, positions, start, startBytes, endBytes, modules, rankCorrelation, why, plan);
    }

    /**
     * One module changed alone.
     *
     * @param module {@code blocks.3.attn}, {@code blocks.3.mlp.out}, {@code unembed}
     * @param matrices in it that change
     * @param kld KL(A || this), nats
     * @param effect KL divergence recovered by restoring it, or added by lowering it; its error is that of paired
     *     differences
     * @param bytes that restoring it costs, or lowering it saves
     * @param effectPerByte null where it costs or saves nothing
     * @param predicted KL(A || A with this module of B), nats, as one backward pass of A predicts it, see
     *     {@link org.llminspector.analysis.OutputFisher}; null where it was not to be had
     */
    public record Module(
            String module,
            List<String> matrices,
            Estimate kld,
            Estimate effect,
            long bytes,
            Double effectPerByte,
            Double predicted) {

        /** The same, with what is predicted of it. */
        public Module predicting(double kl) {
            return new Module(module, matrices, kld, effect, bytes, effectPerByte, kl);
        }
    }

    /**
     * Modules of most effect a byte restored, or of least effect a byte lowered, within the budget. Effects do not add
     * up, so it was run.
     *
     * @param precisionPlan for a run's request
     * @param modules that were changed
     * @param bytes its weights
     * @param expectedKld KL(A || plan) if effects added up
     * @param measures what it really is, over the same positions
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
     * What the plan keeps in A's precision, in the words of those who quantize. Both are about matrices: the rest is theirs to
     * quantize as B is.
     *
     * @param llamaQuantize arguments of llama-quantize: {@code --tensor-type}, then a regular expression for one tensor's
     *     name and its type; they count where the type of the whole is a quantized one
     * @param llmCompressorIgnore {@code ignore} of llm-compressor's modifiers: names of Hugging Face's modules
     */
    public record Export(List<String> llamaQuantize, List<String> llmCompressorIgnore) {}
}
