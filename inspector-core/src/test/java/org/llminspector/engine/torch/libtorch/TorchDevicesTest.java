package org.llminspector.engine.torch.libtorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.engine.Device;
import org.llminspector.engine.gpu.Gpus;

/** Which device a request means: with a libtorch for CPUs or for CUDA, on a machine with GPUs and on one without. */
public class TorchDevicesTest {

    private final List<Device> devices = TorchDevices.list();

    @Test
    void autoIsTheGpuWhereOneRunsAndElseTheCpu() {
        assertThat(devices).hasSize(1 + Math.max(1, Gpus.now().count()));
        assertThat(devices.get(0).id()).isEqualTo("cpu");
        assertThat(TorchDevices.resolve("auto")).isEqualTo(devices.get(1).available() ? "cuda:0" : "cpu");
        assertThatThrownBy(() -> TorchDevices.resolve("tpu")).hasMessageContaining("auto, cpu or cuda:N");
    }

    @Test
    void aDeviceRunsOrSaysWhatIsMissing() {
        for (Device d : devices) {
            assertThat(d.available()).isEqualTo(d.why() == null);
            if (d.available()) assertThat(TorchDevices.resolve(d.id())).isEqualTo(d.id());
            else assertThat(refusal(d.id()).found()).isEqualTo(d.why());
        }
        assertThat(refusal("cuda:999").found()).isNotBlank();
    }

    private static Problem refusal(String id) {
        Problem p = catchThrowableOfType(Problem.class, () -> TorchDevices.resolve(id));
        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(p.where()).isEqualTo("device " + id);
        assertThat(p.expected()).contains("NVIDIA driver", "libtorch", "PYTORCH_LIBRARY_PATH");
        assertThat(p.instead()).contains("--device cpu");
        return p;
    }
}
