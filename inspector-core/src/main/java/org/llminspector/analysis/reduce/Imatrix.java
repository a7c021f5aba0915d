package org.llminspector.analysis.reduce;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.SquareSums;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.GgufArchitectures;
import org.llminspector.checkpoint.gguf.GgufWriter;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;

/**
 * Importance matrix for llama-quantize, as a GGUF file of llama.cpp's layout (tools/imatrix/imatrix.cpp): for each matrix {@code
 * NAME.in_sum2} [expert or 1, channel], sums of squares of what it reads, and {@code NAME.counts} [expert or 1, 1] of tokens.
 *
 * <p>Left out are matrices without a sum (see {@link MatrixInput}), and those that llama.cpp multiplies in another order: the
 * up-projections of latent attention, which it applies to queries and sums, the output of delta nets with fewer key heads, whose
 * heads it stores in another order, and a tied embedding, as llama-imatrix leaves it out.
 */
public final class Imatrix {

    /** llama.cpp's tensors with channels that are not those of the sums. */
    private static final Set<String> OTHERWISE = Set.of("attn_kv_b", "attn_k_b", "attn_v_b", "token_embd");

    private Imatrix() {}

    /**
     * Writes the file.
     *
     * @param state of {@link InputSquares}
     * @param datasets names of the corpora
     * @param windows of the corpus: llama.cpp's chunks
     * @param positions of a window
     * @throws Problem UNSUPPORTED where llama.cpp has no such architecture
     */
    public static void write(
            Path file,
            Weights weights,
            Function<String, Tensor> state,
            List<String> datasets,
            long windows,
            int positions) {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("general.type", "imatrix");
        metadata.put("imatrix.datasets", List.copyOf(datasets));
        metadata.put("imatrix.chunk_count", (int) Math.min(Integer.MAX_VALUE, windows));
        metadata.put("imatrix.chunk_size", positions);
        GgufWriter.write(file, metadata, tensors(weights, state));
    }

    /** Tensors of the file by name, sorted. */
    static Map<String, Tensor> tensors(Weights weights, Function<String, Tensor> state) {
        DecoderSpec spec = weights.spec();
        if (!GgufArchitectures.has(spec.family())) {
            throw Problem.unsupported("llama.cpp has no name for this model's matrices")
                    .where("imatrix.gguf")
                    .expected("an architecture of llama.cpp that is read here")
                    .found(Problem.shown(spec.family()))
                    .instead("take the sums as they are, from imatrix.safetensors");
        }
        Map<String, Tensor> tensors = new TreeMap<>();
        for (MatrixInput input : MatrixInput.all(spec)) {
            SquareSums sums = SquareSums.read(InputSquares.at(input), state);
            if (sums == null) continue;
            for (String name : names(weights, input)) {
                tensors.put(name + ".in_sum2", floats(sums));
                tensors.put(name + ".counts", counts(sums));
            }
        }
        return tensors;
    }

    /** llama.cpp's names of the matrices that read this. */
    static List<String> names(Weights weights, MatrixInput input) {
        DecoderSpec spec = weights.spec();
        List<String> names = new ArrayList<>();
        for (String module : input.modules()) {
            String weight = module.replace("{e}", "0") + ".weight";
            if (!weights.has(weight)) continue;
            String name =
                    GgufArchitectures.tensor(spec.family(), weights.info(weight).name());
            if (name == null || names.contains(name)) continue;
            String stem = name.replaceFirst("^blk\\.\\d+\\.", "").replaceFirst("\\.weight$", "");
            boolean tiled = input.feeds() == MatrixInput.Feeds.SSM_OUT
                    && spec.layers().get(input.layer()).recurrence() instanceof DeltaNet d
                    && d.nKeyHeads() != d.nHeads();
            if (!OTHERWISE.contains(stem) && !tiled) names.add(name);
        }
        together(names);
        return names;
    }

    /** Adds the name of the one tensor in which some versions of llama.cpp's converter write several. */
    private static void together(List<String> names) {
        if (names.isEmpty()) return;
        String block = names.get(0).replaceFirst("[^.]*\\.weight$", "");
        if (names.containsAll(List.of(block + "attn_q.weight", block + "attn_k.weight", block + "attn_v.weight")))
            names.add(block + "attn_qkv.weight");
        if (names.containsAll(List.of(block + "ffn_gate_exps.weight", block + "ffn_up_exps.weight")))
            names.add(block + "ffn_gate_up_exps.weight");
    }

    private static Tensor floats(SquareSums sums) {
        float[] x = new float[sums.rows() * sums.channels()];
        for (int r = 0; r < sums.rows(); r++) {
            double[] row = sums.sums(r);
            for (int c = 0; c < row.length; c++) x[r * row.length + c] = (float) row[c];
        }
        return Tensor.of(x, sums.rows(), sums.channels());
    }

    private static Tensor counts(SquareSums sums) {
        float[] x = new float[sums.rows()];
        for (int r = 0; r < x.length; r++) x[r] = sums.count(r);
        return Tensor.of(x, x.length, 1);
    }
}
