package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnxruntime.OnnxTensor;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;

/** Memory where a session runs, here a session on the CPU: the C interface is the same for a GPU. */
public class DeviceMemoryTest {

    @Test
    void whatOnePassWritesAnotherReads() {
        GraphBuilder builder = new GraphBuilder();
        String x = builder.input("x", Type.FLOAT, -1);
        String y = builder.node("Mul", x, x);
        builder.output(y, Type.FLOAT);
        try (OnnxWeights weights = new OnnxWeights(null);
                OpenGraph open = new OpenGraph(Graph.of(builder, y), weights, CudaGraphs.TARGET, false);
                Feed feed = new Feed();
                Memory.Block block = open.memory().reserve(5, Type.FLOAT);
                OnnxTensor left = block.view(0, 2);
                OnnxTensor right = block.view(3, 2)) {
            assertThat(right.getInfo().getShape()).containsExactly(2);
            feed.floats("x", new float[] {2, 3}, 2);
            open.run(feed.inputs(), Set.of(), Map.of(y, left)).close();
            open.run(Map.of("x", left), Set.of(), Map.of(y, right)).close();
            assertThat(Arrays.copyOf(floats(right), 2)).containsExactly(16, 81);
            assertThat(floats(left)).containsExactly(4, 9);
        }
    }

    /** Where memory is the host's it can be read; a GPU's could not. */
    private static float[] floats(OnnxTensor tensor) {
        float[] values = new float[(int) tensor.getInfo().getNumElements()];
        tensor.getFloatBuffer().get(values);
        return values;
    }

    @Test
    void whatDoesNotFitIsRefusedByName() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"), Kind.ONNX);
                OnnxEngine engine = OnnxEngine.open(g.weights, CudaGraphs.TARGET, PrecisionPlan.of(Precision.FP32))) {
            assertThatThrownBy(() -> engine.begin(SessionRequest.plain(Integer.MAX_VALUE)))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("the KV cache does not fit the device's memory")
                    .hasMessageContaining("ask for fewer tokens");
            try (Session s = engine.begin(SessionRequest.plain(4))) {
                assertThat(s.append(new int[] {1, 2, 3}))
                        .hasSize(g.engine.spec().vocab());
            }
        }
    }

    @Test
    void aSequenceMayBeClosedAfterItsEngine() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"), Kind.ONNX)) {
            OnnxEngine engine = OnnxEngine.open(g.weights, CudaGraphs.TARGET, PrecisionPlan.of(Precision.FP16));
            Session s = engine.begin(SessionRequest.plain(4));
            s.append(new int[] {1, 2, 3});
            engine.close();
            s.close();
            OnnxEngine another = OnnxEngine.open(g.weights, CudaGraphs.TARGET, PrecisionPlan.of(Precision.FP16));
            another.close();
            assertThatThrownBy(() -> another.begin(SessionRequest.plain(4))).isInstanceOf(IllegalStateException.class);
        }
    }
}
