package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.analysis.reduce.Imatrix;
import org.llminspector.analysis.reduce.InputSquares;
import org.llminspector.analysis.reduce.SweptModel;
import org.llminspector.analysis.reduce.WindowBatch;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufTensor;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;

/** The importance matrix names the matrices of llama.cpp's own files, with as many channels and experts as they have. */
class ImatrixTest {

    private static final int[] PROMPT = {1, 2, 3, 1, 2, 5, 0, 4};

    /** What is of two axes or more in some file and has no sum: no matrix, or one whose input is no hook's (MatrixInput, Imatrix). */
    private static final Set<String> WITHOUT = Set.of(
            "altup_correct_coef.weight",
            "altup_predict_coef.weight",
            "altup_router.weight",
            "attn_k_b.weight",
            "attn_k_norm.weight",
            "attn_q_norm.weight",
            "attn_v_b.weight",
            "exp_probs_b.bias",
            "ffn_down_exps.bias",
            "ffn_gate_exps.bias",
            "ffn_up_exps.bias",
            "ffn_gate_inp.weight of gemma4_moe",
            "ffn_gate_up_exps.weight of gemma4_moe",
            "inp_gate.weight",
            "laurel_r.weight",
            "shortconv.conv.weight",
            "ssm_a",
            "ssm_conv1d.weight",
            "ssm_conv1d_k.weight",
            "ssm_conv1d_q.weight",
            "ssm_conv1d_v.weight",
            "ssm_d",
            "ssm_dt.weight",
            "ssm_f_b.weight",
            "ssm_g_b.weight",
            "ssm_norm.weight",
            "ssm_out.weight");

    /** Written under both names, of one tensor and of its parts. */
    private static final Set<String> EITHER = Set.of(
            "attn_q.weight",
            "attn_k.weight",
            "attn_v.weight",
            "attn_qkv.weight",
            "ffn_gate_exps.weight",
            "ffn_up_exps.weight",
            "ffn_gate_up_exps.weight");

    @TempDir
    static Path temp;

    static Map<String, Tensor> squares(Weights weights) {
        InputSquares squares = new InputSquares(new SweptModel(weights.spec(), weights, null));
        WindowBatch batch = new WindowBatch(new int[][] {PROMPT}, new int[1], new long[1], new long[1]);
        try (InspectorEngine engine = Kind.TORCH.open(weights);
                Session session = engine.begin(
                        new SessionRequest(PROMPT.length, new TreeSet<>(squares.hooks()), List.of(), List.of()))) {
            session.append(PROMPT);
            try (Capture seen = session.capture()) {
                for (HookId hook : squares.hooks()) squares.add(batch, hook, seen.get(hook));
            }
        }
        squares.end(batch);
        Map<String, Tensor> state = squares.state();
        assertThat(state.values().stream().mapToLong(Tensor::byteSize).sum())
                .isEqualTo(squares.bytes(1, PROMPT.length));
        return state;
    }

    @Test
    void namesAndSizesAreThoseOfLlamaCppsFiles() throws Exception {
        List<Path> files = new ArrayList<>();
        for (String folder : List.of("arch", "families")) {
            try (Stream<Path> all = Files.list(Path.of("src/test/resources/golden/gguf", folder))) {
                all.filter(f -> f.toString().endsWith(".gguf")).sorted().forEach(files::add);
            }
        }
        for (String family : ConvertedGguf.families())
            files.add(ConvertedGguf.write(family, temp.resolve(family)).model());
        Set<String> missing = new TreeSet<>();
        for (Path file : files) {
            try (Checkpoint checkpoint = Checkpoint.open(file)) {
                Weights weights = Family.open(checkpoint);
                Path out = temp.resolve("imatrix.gguf");
                Imatrix.write(out, weights, squares(weights)::get, List.of("a", "b.txt"), 7, PROMPT.length);
                GgufFile written = GgufFile.open(out);
                Map<String, GgufTensor> matrices =
                        new TreeMap<>(GgufFile.open(file).tensors());
                assertThat(written.metadata().text("general.type", "")).isEqualTo("imatrix");
                assertThat(written.metadata().texts("imatrix.datasets")).containsExactly("a", "b.txt");
                assertThat(written.metadata().size("imatrix.chunk_count")).isEqualTo(7);
                assertThat(written.metadata().size("imatrix.chunk_size")).isEqualTo(PROMPT.length);
                for (String name : written.tensors().keySet()) {
                    if (!name.endsWith(".in_sum2")) continue;
                    String matrix = name.replace(".in_sum2", "");
                    String as = file.getFileName() + " " + matrix;
                    GgufTensor of = matrices.remove(matrix);
                    if (of == null) {
                        assertThat(EITHER).as(as).contains(stem(matrix));
                        continue;
                    }
                    List<Long> sums = written.tensors().get(name).shape();
                    assertThat(sums.get(1)).as(as).isEqualTo(of.rowSize());
                    assertThat(sums.get(0))
                            .as(as)
                            .isEqualTo(of.shape().size() == 3 ? of.shape().get(0) : 1);
                    float[] counts = written.tensor(matrix + ".counts").toFloats();
                    assertThat(counts).as(as).hasSize((int) (long) sums.get(0));
                    if (counts.length == 1) assertThat(counts[0]).isEqualTo(PROMPT.length);
                }
                boolean parallel = file.toString().endsWith("gemma4_moe.gguf");
                for (GgufTensor t : matrices.values()) {
                    if (t.shape().size() < 2 || !t.name().startsWith("blk.")) continue;
                    boolean experts = parallel && t.name().matches(".*ffn_gate_(inp|up_exps).weight");
                    missing.add(stem(t.name()) + (experts ? " of gemma4_moe" : ""));
                }
            }
        }
        assertThat(missing).isEqualTo(WITHOUT);
    }

    private static String stem(String name) {
        return name.replaceFirst("^blk\\.\\d+\\.", "");
    }

    @Test
    void aFamilyThatLlamaCppLacksIsRefused() {
        try (Golden g = new Golden(Golden.FAMILIES.resolve("opt"))) {
            assertThatThrownBy(() -> Imatrix.write(temp.resolve("x.gguf"), g.weights, n -> null, List.of(), 1, 8))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("opt");
        }
    }
}
