package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.family.Weights;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.store.Sensitivity;

/**
 * Exports the part of a mixed plan that stays in A's precision as llama.cpp tensor names and Hugging Face module names.
 *
 * <p>Sources: llama.cpp's tools/quantize (a regular expression searched in the tensor's name; the first match counts)
 * and src/llama-arch.cpp (the names); compressed-tensors' utils/match.py (a name without {@code re:} is a module's
 * name).
 */
final class PlanExport {

    private static final Map<String, String> NAMES = Map.of(
            "attn.q", "attn_q",
            "attn.k", "attn_k",
            "attn.v", "attn_v",
            "attn.o", "attn_output",
            "mlp.gate", "ffn_gate",
            "mlp.in", "ffn_up",
            "mlp.out", "ffn_down",
            "mlp.shared_expert.gate", "ffn_gate_shexp",
            "mlp.shared_expert.in", "ffn_up_shexp",
            "mlp.shared_expert.out", "ffn_down_shexp");

    /** Tensors of multi-head latent attention; llama.cpp's converter splits the matrix the same way. */
    private static final Map<String, String> LATENT = Map.of(
            "attn.q_down", "attn_q_a",
            "attn.kv_down", "attn_kv_a_mqa",
            "attn.k_rope", "attn_kv_a_mqa",
            "attn.k", "attn_k_b",
            "attn.v", "attn_v_b");

    private PlanExport() {}

    /**
     * @param plan the suggested plan
     * @param high A's plan
     * @param low B's plan; matrices that have the same precision in both are left out
     */
    static Sensitivity.Export of(ModelFolder folder, PrecisionPlan plan, PrecisionPlan high, PrecisionPlan low) {
        Weights weights = folder.weights();
        Map<String, String> types = new LinkedHashMap<>();
        Set<String> modules = new LinkedHashSet<>();
        for (String matrix : PrecisionPlan.modules(weights.spec())) {
            // Both tools have a tied matrix once, as the unembedding.
            if (matrix.equals("embed")) continue;
            boolean kept =
                    plan.at(matrix).equals(high.at(matrix)) && !plan.at(matrix).equals(low.at(matrix));
            if (!kept) continue;
            boolean tied = matrix.equals("unembed") && !weights.has("unembed.weight");
            TensorInfo tensor = weights.info((tied ? "embed" : matrix) + ".weight");
            types.put(llamaName(weights, matrix, tied), type(high.at(matrix).precision(), tensor));
            modules.add(tied ? "lm_head" : tensor.name().replaceFirst("\\.weight$", ""));
        }
        List<String> arguments = new ArrayList<>();
        types.forEach((name, type) -> {
            arguments.add("--tensor-type");
            arguments.add("^" + name.replace(".", "\\.") + "\\.weight$=" + type);
        });
        return new Sensitivity.Export(List.copyOf(arguments), List.copyOf(modules));
    }

    /** llama.cpp's name; tensors fused in the files stay fused: q, k and v as attn_qkv, gate and in as ffn_up. */
    private static String llamaName(Weights weights, String matrix, boolean tied) {
        if (matrix.equals("unembed")) return tied ? "token_embd" : "output";
        int second = matrix.indexOf('.', "blocks.".length());
        String block = "blk." + matrix.substring("blocks.".length(), second) + ".";
        String part = matrix.substring(second + 1);
        String attn = matrix.substring(0, second) + ".attn.";
        if (weights.has(attn + "kv_down.weight") && LATENT.containsKey(part)) return block + LATENT.get(part);
        if (part.equals("attn.q") && weights.has(attn + "q_down.weight")) return block + "attn_q_b";
        if (part.startsWith("conv."))
            return block + (part.equals("conv.out") ? "shortconv.out_proj" : "shortconv.in_proj");
        if (part.matches("attn\\.[qkv]") && together(weights, matrix, ".q", ".k")) return block + "attn_qkv";
        if (part.equals("mlp.gate") && together(weights, matrix, ".gate", ".in")) return block + "ffn_up";
        // llama.cpp stores a layer's experts in one tensor: if one expert keeps its precision, all do.
        if (part.startsWith("mlp.experts."))
            return block + NAMES.get(part.replaceFirst("experts\\.\\d+\\.", "")) + "_exps";
        return block + NAMES.get(part);
    }

    /** Whether two matrices of a module are stored in one tensor. */
    private static boolean together(Weights weights, String matrix, String one, String other) {
        String module = matrix.substring(0, matrix.lastIndexOf('.'));
        return weights.info(module + one + ".weight")
                .name()
                .equals(weights.info(module + other + ".weight").name());
    }

    /** The ggml type nearest to a precision; the file's own type where weights are unchanged. */
    private static String type(Precision precision, TensorInfo tensor) {
        return switch (precision) {
            case FP32 -> tensor.format().toLowerCase(Locale.ROOT);
            case FP16 -> "f16";
            case BF16 -> "bf16";
            case INT8, INT8_WEIGHT -> "q8_0";
            case INT4_32, INT4_128 -> "q4_0";
        };
    }
}
