package org.llminspector.engine.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.engine.Device;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.gpu.Gpus;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;

/** Which device a request means: in a build for CPUs and with -Pcuda, on a machine with GPUs and on one without. */
public class OnnxDevicesTest {

    /** A GPU index that no machine has. */
    private static final int MISSING = 999;

    private final List<Device> devices = OnnxDevices.list();

    @Test
    void theEngineListsItsDevices() {
        assertThat(devices).hasSize(1 + Math.max(1, Gpus.now().count()));
        assertThat(devices.get(0).id()).isEqualTo("cpu");
        assertThat(devices.get(0).available()).isTrue();
        assertThat(devices.get(1).id()).isEqualTo("cuda:0");
        assertThat(devices).allMatch(d -> d.available() == (d.why() == null));
        assertThat(OnnxEngine.capabilities().devices()).extracting(Device::id).isEqualTo(ids());
    }

    private List<String> ids() {
        return devices.stream().map(Device::id).toList();
    }

    @Test
    void autoIsTheGpuWhereOneRunsAndElseTheCpu() {
        assertThat(OnnxDevices.resolve("auto")).isEqualTo(devices.get(1).available() ? "cuda:0" : "cpu");
        assertThatThrownBy(() -> OnnxDevices.resolve("tpu")).hasMessageContaining("auto, cpu or cuda:N");
    }

    @Test
    void aDeviceRunsOrSaysWhatIsMissing() {
        for (Device d : devices) {
            if (d.available()) assertThat(OnnxDevices.resolve(d.id())).isEqualTo(d.id());
            else assertThat(refusal(d.id()).found()).isEqualTo(d.why());
        }
        Problem missing = refusal("cuda:" + MISSING);
        assertThat(missing.found()).isNotBlank();
        assertThatThrownBy(() -> OnnxEngine.open(null, "cuda:" + MISSING, PrecisionPlan.of(null, null)))
                .hasMessageContaining(missing.found());
    }

    private static Problem refusal(String id) {
        Problem p = catchThrowableOfType(Problem.class, () -> OnnxDevices.resolve(id));
        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(p.where()).isEqualTo("device " + id);
        assertThat(p.expected()).contains("-Pcuda", "NVIDIA driver", "cuDNN 9");
        assertThat(p.instead()).contains("--device cpu");
        return p;
    }

    /** What ONNX Runtime itself says when it is asked all the same. */
    @Test
    void aSessionOnAGpuThatIsNotThereIsRefused() {
        GraphBuilder graph = new GraphBuilder();
        String x = graph.input("x", Type.FLOAT, 1);
        String y = graph.node("Relu", x);
        graph.output(y, Type.FLOAT);
        assertThatThrownBy(() -> new OpenGraph(Graph.of(graph, y), new OnnxWeights(null), Target.cuda(MISSING), false))
                .isInstanceOf(Problem.class)
                .hasMessageMatching("(?is).*cuda.*");
    }
}
