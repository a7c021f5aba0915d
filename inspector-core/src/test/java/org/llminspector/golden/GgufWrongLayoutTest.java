package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Precision;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;

/** Goldens of GGUF files notice when what the converter did is not undone. */
class GgufWrongLayoutTest {

    @TempDir
    Path temp;

    @Test
    void llamaRowsLeftInPairsMissTheGolden() throws IOException {
        assertThat(error("llama", n -> null)).isLessThanOrEqualTo(1);
        assertThat(error("llama", n -> n.endsWith("q_proj.weight") ? inFile(n, "q_proj", "attn_q") : null))
                .isGreaterThan(1000);
        // The rotation is only wrong where one of the two is: undo both or none, and do it to the right heads.
        assertThat(error("llama", n -> n.endsWith("k_proj.weight") ? inFile(n, "k_proj", "attn_k") : null))
                .isGreaterThan(1000);
    }

    @Test
    void qwenRowsAreNotInPairs() throws IOException {
        assertThat(error("qwen2", n -> null)).isLessThanOrEqualTo(1);
    }

    @Test
    void gemmaNormsWithAOneTooManyMissTheGolden() throws IOException {
        assertThat(error("gemma3", n -> n.equals("model.norm.weight") ? "output_norm.weight" : null))
                .isGreaterThan(1000);
    }

    @Test
    void gptNeoXHeadsLeftOneAfterTheOtherMissTheGolden() throws IOException {
        assertThat(error(
                        "gpt_neox",
                        n -> n.endsWith("query_key_value.weight")
                                ? n.replace("gpt_neox.layers", "blk").replace("attention.query_key_value", "attn_qkv")
                                : null))
                .isGreaterThan(1000);
    }

    @Test
    void whatFurtherFamiliesHaveOtherwiseMissesToo() throws IOException {
        assertThat(error("falcon_grouped", n -> n.endsWith("query_key_value.weight") ? bloomInFile(n) : null))
                .isGreaterThan(1000);
        assertThat(error("bloom", n -> n.endsWith("query_key_value.bias") ? bloomInFile(n) : null))
                .isGreaterThan(1000);
        assertThat(error("nemotron", n -> n.equals("model.norm.weight") ? "output_norm.weight" : null))
                .isGreaterThan(1000);
        assertThat(error("olmo", n -> n.endsWith("k_proj.weight") ? inFile(n, "k_proj", "attn_k") : null))
                .isGreaterThan(1000);
    }

    /** Their biases and their experts' weights are no tensors of their own in the file, and all are as transformers has them. */
    @Test
    void whatWasSplitIsAWholeModelOfSafetensors() throws IOException {
        for (String family :
                List.of("granite", "phi", "stablelm_parallel", "apertus", "gpt_oss_mxfp4", "deepseek_v3")) {
            assertThat(error(family, n -> null)).as(family).isLessThanOrEqualTo(1);
        }
    }

    private static String bloomInFile(String name) {
        return name.replace("transformer.h.", "blk.").replace("self_attention.query_key_value", "attn_qkv");
    }

    private static String inFile(String name, String from, String to) {
        return name.replace("model.layers", "blk").replace("self_attn." + from, to);
    }

    /**
     * Largest logit difference from the golden, in tolerances, of the model written as safetensors.
     *
     * @param raw the file's name of a tensor to take as the file has it, or null to take it as it is opened
     */
    private double error(String family, UnaryOperator<String> raw) throws IOException {
        Path first = GgufGolden.ROOT.resolve("arch/" + family + "-f32.gguf");
        GgufGolden golden =
                GgufGolden.of(Files.exists(first) ? first : GgufGolden.ROOT.resolve("families/" + family + ".gguf"));
        Map<String, Tensor> tensors = new TreeMap<>();
        try (Checkpoint gguf = Checkpoint.open(golden.model())) {
            gguf.tensors().keySet().forEach(n -> {
                String file = raw.apply(n);
                tensors.put(
                        n,
                        file == null ? gguf.get(n) : gguf.gguf().orElseThrow().tensor(file));
            });
            Files.writeString(temp.resolve("config.json"), gguf.config().toString());
        }
        SafetensorsWriter.write(temp.resolve("model.safetensors"), tensors, Map.of());
        try (Checkpoint checkpoint = Checkpoint.open(temp);
                TorchEngine engine = TorchEngine.open(Family.open(checkpoint), "cpu", Precision.FP32);
                SafetensorsFile reference = SafetensorsFile.open(golden.tensors())) {
            float[] ours = GgufGoldenTest.logits(engine, GgufGoldenTest.ids(reference.tensor("input_ids")));
            return Golden.maxAbsDiff(ours, reference.tensor("logits").toFloats()) / golden.tolerance("logits");
        }
    }
}
