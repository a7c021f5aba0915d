package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.layer.Encodings;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.GgufGolden;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** A GGUF file's Q4_0 and Q8_0 blocks go to the kernel as they are: code by code, and the model says what it said. */
class FileBlocksTest {

    @ParameterizedTest
    @CsvSource({"Q4_0,4,INT4_32", "Q8_0,8,INT8_WEIGHT"})
    void codesAndScalesAreTheFiles(GgmlType type, int bits, Precision precision) {
        GgufGolden golden = GgufGolden.of(GgufGolden.ROOT.resolve("types/tiny64-" + type + ".gguf"));
        List<PrecisionPlan.Part> others = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoint.open(golden.model());
                OnnxWeights held = new OnnxWeights(Family.open(checkpoint));
                SafetensorsFile reference = SafetensorsFile.open(golden.tensors())) {
            Weights weights = Family.open(checkpoint);
            Encodings encodings = new Encodings(held, Target.cpu(1));
            int taken = 0;
            for (String module : PrecisionPlan.modules(weights.spec())) {
                String name = (module.equals("unembed") && weights.spec().tied() ? "embed" : module) + ".weight";
                if (weights.info(name).blocks() != type) {
                    others.add(new PrecisionPlan.Part(module, Precision.FP32, null));
                    continue;
                }
                GgufRows rows = weights.blocks(name, 0, (int) weights.shape(name)[0]);
                Encodings.Blocks blocks = encodings.blocks(
                        new GraphBuilder(), List.of(name), bits, precision == Precision.INT4_32 ? 32 : 128, false);
                assertThat(blocks.block()).isEqualTo(32);
                assertThat(held.tensor(blocks.scales()).toFloats())
                        .isEqualTo(rows.scales().toFloats());
                Tensor packed = held.tensor(blocks.codes());
                float[] values = weights.get(name).toFloats();
                for (int i = 0; i < values.length; i++) {
                    int code = bits == 8
                            ? (int) packed.get(i) - 128
                            : (((int) packed.get(i / 2) >> (4 * (i % 2))) & 0xF) - 8;
                    assertThat(code).isEqualTo((int) rows.codes().get(i));
                    assertThat((float) rows.scales().get(i / 32) * code).isEqualTo(values[i]);
                }
                taken++;
            }
            assertThat(taken).isGreaterThan(5);
            // The exact kernel on those blocks is the decoded model: the same golden, the same tolerance.
            try (OnnxEngine engine =
                    OnnxEngine.open(weights, "cpu", new PrecisionPlan(precision, Kernel.EXACT, others))) {
                Tensor ids = reference.tensor("input_ids");
                int[] prompt = new int[(int) ids.size()];
                for (int i = 0; i < prompt.length; i++) prompt[i] = (int) ids.get(i);
                HookId logits = HookId.of(HookPoint.LOGITS);
                TreeSet<HookId> hooks = new TreeSet<>(List.of(logits));
                try (Session s = engine.begin(new SessionRequest(prompt.length, hooks, List.of(), List.of()))) {
                    s.append(prompt);
                    assertThat(Golden.maxAbsDiff(
                                    s.capture().get(logits).toFloats(),
                                    reference.tensor("logits").toFloats()))
                            .isLessThanOrEqualTo(golden.tolerance("logits"));
                }
            }
        }
    }
}
