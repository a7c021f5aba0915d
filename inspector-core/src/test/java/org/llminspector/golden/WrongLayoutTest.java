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
    void theSameModelWrittenAgainMeetsTheGolden() throws IOException {
        assertThat(error("llama", tensors -> {}, json -> json)).isLessThanOrEqualTo(1);
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

    /** Rows of each head from (i, i + half) pairs to (2i, 2i + 1) pairs, as the original Llama files have them. */
    private static Tensor interleaved(Tensor t, int dHead) {
        int cols = (int) t.shape()[1];
        float[] in = t.toFloats();
        float[] out = new float[in.length];
        for (int row = 0; row < t.shape()[0]; row++) {
            int head = row / dHead;
            int r = row % dHead;
            int to = head * dHead + (r < dHead / 2 ? 2 * r : 2 * (r - dHead / 2) + 1);
            System.arraycopy(in, row * cols, out, to * cols, cols);
        }
        return Tensor.of(out, t.shape());
    }
}
