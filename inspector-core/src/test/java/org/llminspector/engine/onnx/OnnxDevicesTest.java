package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.engine.Device;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.onnx.GraphBuilder.Type;

/** Which device a request means, in a build for CPUs and, with -Pcuda, in one for GPUs that finds none. */
class OnnxDevicesTest {

    private static final String BUILT_FOR_CPUS = "this build's ONNX Runtime is for CPUs";
    private static final String NO_DRIVER = "no NVIDIA driver";

    private final Device gpu = OnnxDevices.list().get(1);

    @Test
    void autoIsTheGpuWhereOneRunsAndElseTheCpu() {
        assertThat(OnnxDevices.resolve("auto")).isEqualTo(gpu.available() ? "cuda:0" : "cpu");
        assertThat(OnnxDevices.resolve("cpu")).isEqualTo("cpu");
        assertThatThrownBy(() -> OnnxDevices.resolve("tpu")).hasMessageContaining("auto, cpu or cuda:N");
    }

    @Test
    void aGpuThatCannotBeUsedSaysWhatIsMissing() {
        assumeThat(gpu.available()).as("a GPU runs here").isFalse();
        assertThat(gpu.why()).containsAnyOf(BUILT_FOR_CPUS, NO_DRIVER);
        for (String id : new String[] {"cuda", "cuda:0", "cuda:7"}) {
            assertThatThrownBy(() -> OnnxDevices.resolve(id)).isInstanceOfSatisfying(Problem.class, p -> {
                assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
                assertThat(p.where()).isEqualTo("device " + id);
                assertThat(p.expected()).contains("-Pcuda", "NVIDIA driver", "cuDNN 9");
                assertThat(p.found()).isEqualTo(gpu.why());
                assertThat(p.instead()).contains("--device cpu");
            });
        }
        assertThatThrownBy(() -> OnnxEngine.open(null, "cuda:0", PrecisionPlan.of(null, null)))
                .hasMessageContaining(gpu.why());
    }

    /** What ONNX Runtime itself says when it is asked all the same. */
    @Test
    void aSessionOnAGpuThatIsNotThereIsRefused() {
        assumeThat(gpu.available()).as("a GPU runs here").isFalse();
        assumeThat(gpu.why()).as("with -Pcuda: unpacks half a gigabyte").isEqualTo(BUILT_FOR_CPUS);
        GraphBuilder graph = new GraphBuilder();
        String x = graph.input("x", Type.FLOAT, 1);
        String y = graph.node("Relu", x);
        graph.output(y, Type.FLOAT);
        assertThatThrownBy(() -> new OpenGraph(Graph.of(graph, y), new OnnxWeights(null), Target.cuda(0), false))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("CUDA");
    }

    @Test
    void theEngineListsItsDevices() {
        assertThat(OnnxEngine.capabilities().devices()).extracting(Device::id).containsExactly("cpu", "cuda:0");
        assertThat(OnnxEngine.capabilities().devices().get(0).available()).isTrue();
    }
}
