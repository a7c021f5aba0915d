package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;

/** The goldens can tell right from wrong: a model whose layout is wrong on purpose must miss them by far. */
class WrongLayoutTest {

    @TempDir
    Path temp;

    @Test
    void interleavedRotaryRowsMissTheGolden() throws IOException {
        assertThat(error(
                        "llama",
                        tensors -> {
                            for (String key : java.util.List.copyOf(tensors.keySet())) {
                                if (key.contains("q_proj.weight")) tensors.put(key, interleaved(tensors.get(key), 16));
                            }
                        },
                        json -> json))
                .isGreaterThan(1000);
    }

    @Test
    void theOtherGeluMissesTheGolden() throws IOException {
        assertThat(error("gpt2", tensors -> {}, json -> json.replace("\"gelu_new\"", "\"gelu\"")))
                .isGreaterThan(10);
    }

    @Test
    void anotherRopeThetaMissesTheGolden() throws IOException {
        assertThat(error("llama", tensors -> {}, json -> json.replace("10000.0", "20000.0")))
                .isGreaterThan(1000);
    }

    @Test
    void gateAndUpTheOtherWayRoundMissTheGolden() throws IOException {
        assertThat(error(
                        "phi3",
                        tensors -> {
                            tensors.replaceAll((name, t) -> {
                                if (!name.contains("gate_up_proj")) return t;
                                int half = (int) t.shape()[0] / 2;
                                return rows(t, row -> (row + half) % (2 * half));
                            });
                        },
                        json -> json))
                .isGreaterThan(1000);
    }

    @Test
    void queriesKeysAndValuesOneAfterTheOtherMissTheGolden() throws IOException {
        int nHeads = 4;
        int dHead = 16;
        assertThat(error(
                        "gpt_neox",
                        tensors -> {
                            tensors.replaceAll((name, t) -> name.contains("query_key_value")
                                    ? rows(t, row -> {
                                        int part = row / dHead % 3;
                                        int head = row / dHead / 3;
                                        return (part * nHeads + head) * dHead + row % dHead;
                                    })
                                    : t);
                        },
                        json -> json))
                .isGreaterThan(1000);
    }

    @Test
    void normWeightsWithoutTheOneMissTheGolden() throws IOException {
        assertThat(error(
                        "gemma3",
                        tensors -> {
                            tensors.replaceAll((name, t) -> {
                                if (!name.endsWith("q_norm.weight")) return t;
                                float[] w = t.toFloats();
                                for (int i = 0; i < w.length; i++) w[i] -= 1;
                                return Tensor.of(w, t.shape());
                            });
                        },
                        json -> json))
                .isGreaterThan(1000);
    }

    @Test
    void aWindowOneTooWideMissesTheGolden() throws IOException {
        String narrow = "\"sliding_window\": 8";
        for (String model : java.util.List.of("mistral", "gemma2", "gemma3")) {
            assertThat(error(model, tensors -> {}, json -> json.replace(narrow, "\"sliding_window\": 9")))
                    .as(model)
                    .isGreaterThan(100);
        }
    }

    @Test
    void fieldsThatChangeTheArithmeticAreHonoured() throws IOException {
        assertThat(error(
                        "gpt_neox",
                        t -> {},
                        json -> json.replace("use_parallel_residual\": true", "use_parallel_residual\": false")))
                .isGreaterThan(1000);
        assertThat(error("gpt_neox", t -> {}, json -> json.replace("rotary_pct\": 0.25", "rotary_pct\": 0.5")))
                .isGreaterThan(1000);
        assertThat(error(
                        "gemma2",
                        t -> {},
                        json -> json.replace("final_logit_softcapping\": 10.0", "final_logit_softcapping\": null")))
                .isGreaterThan(1000);
        assertThat(error(
                        "gemma2",
                        t -> {},
                        json -> json.replace("attn_logit_softcapping\": 5.0", "attn_logit_softcapping\": 6.0")))
                .isGreaterThan(100);
        assertThat(error(
                        "gemma3",
                        t -> {},
                        json -> json.replace("query_pre_attn_scalar\": 24", "query_pre_attn_scalar\": 16")))
                .isGreaterThan(1000);
        assertThat(error(
                        "gemma3",
                        t -> {},
                        json -> json.replace("rope_local_base_freq\": 10000.0", "rope_local_base_freq\": 20000.0")))
                .isGreaterThan(100);
        assertThat(error(
                        "smollm3",
                        t -> {},
                        json -> json.replaceAll(
                                "(?s)\"no_rope_layers\": \\[[^]]*\\]", "\"no_rope_layers\": [1,1,1,1]")))
                .isGreaterThan(1000);
    }

    @Test
    void theSameModelWrittenAgainMeetsTheGolden() throws IOException {
        assertThat(error("llama", tensors -> {}, json -> json)).isLessThanOrEqualTo(1);
    }

    /** Gemma 3 for pictures and text keeps the text's config in text_config and its tensors under a longer name. */
    @Test
    void aModelThatSeesTooMeetsTheGoldenOfItsText() throws IOException {
        for (String root : java.util.List.of("language_model.model.", "model.language_model.")) {
            assertThat(error(
                            "gemma3",
                            tensors -> java.util.List.copyOf(tensors.keySet())
                                    .forEach(n -> tensors.put(n.replaceFirst("^model\\.", root), tensors.remove(n))),
                            json ->
                                    "{\"model_type\": \"gemma3\", \"vision_config\": {\"hidden_size\": 8}, \"text_config\": "
                                            + json + "}"))
                    .as(root)
                    .isLessThanOrEqualTo(1);
        }
    }

    /** Largest logit difference from the golden, in tolerances. */
    private double error(
            String model,
            java.util.function.Consumer<java.util.Map<String, Tensor>> change,
            java.util.function.UnaryOperator<String> config)
            throws IOException {
        Path from = Golden.ROOT.resolve(model);
        TreeMap<String, Tensor> tensors = new TreeMap<>();
        try (Golden golden = new Golden(from);
                Checkpoint checkpoint = Checkpoint.open(from)) {
            checkpoint.tensors().keySet().forEach(n -> tensors.put(n, checkpoint.get(n)));
            change.accept(tensors);
            SafetensorsWriter.write(temp.resolve("model.safetensors"), tensors, java.util.Map.of());
            Files.writeString(temp.resolve("config.json"), config.apply(Files.readString(from.resolve("config.json"))));
            int[] ids = golden.ids("input_ids");
            try (Checkpoint wrong = Checkpoint.open(temp);
                    TorchEngine engine = TorchEngine.open(Family.open(wrong), "cpu", Precision.FP32);
                    Session session = engine.begin(new SessionRequest(
                            ids.length, new TreeSet<>(), java.util.List.of(), java.util.List.of()))) {
                float[] last = session.append(ids);
                float[] all = golden.values("logits");
                float[] expected = java.util.Arrays.copyOfRange(all, all.length - last.length, all.length);
                return Golden.maxAbsDiff(last, expected) / golden.tolerance("logits");
            }
        }
    }

    /** The tensor with each row moved from where it is to where {@code to} says. */
    private static Tensor rows(Tensor t, java.util.function.IntUnaryOperator to) {
        int rows = (int) t.shape()[0];
        int cols = (int) (t.size() / rows);
        float[] in = t.toFloats();
        float[] out = new float[in.length];
        for (int row = 0; row < rows; row++) System.arraycopy(in, row * cols, out, to.applyAsInt(row) * cols, cols);
        return Tensor.of(out, t.shape());
    }

    /** Rows of each head from (i, i + half) pairs to (2i, 2i + 1) pairs, as the original Llama files have them. */
    private static Tensor interleaved(Tensor t, int dHead) {
        return rows(t, row -> {
            int r = row % dHead;
            return row - r + (r < dHead / 2 ? 2 * r : 2 * (r - dHead / 2) + 1);
        });
    }
}
