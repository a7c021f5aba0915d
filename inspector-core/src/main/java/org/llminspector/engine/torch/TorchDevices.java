package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;

/** TorchDevices finds the devices that this build of libtorch can use. */
public final class TorchDevices {

    private TorchDevices() {}

    /** The CPU and every CUDA device. */
    public static List<org.llminspector.engine.Device> list() {
        return EngineThread.call(() -> {
            List<org.llminspector.engine.Device> devices = new ArrayList<>();
            devices.add(cpu());
            int gpus = EngineThread.engine().getGpuCount();
            for (int i = 0; i < gpus; i++) {
                MemoryUsage memory = CudaUtils.getGpuMemory(Device.gpu(i));
                devices.add(new org.llminspector.engine.Device(
                        "cuda:" + i,
                        "CUDA device " + i + ", compute capability " + CudaUtils.getComputeCapability(i),
                        true,
                        memory.getMax(),
                        memory.getMax() - memory.getCommitted(),
                        null));
            }
            if (gpus == 0) {
                devices.add(
                        new org.llminspector.engine.Device("cuda:0", "CUDA device 0", false, null, null, whyNoGpu()));
            }
            return devices;
        });
    }

    private static org.llminspector.engine.Device cpu() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new org.llminspector.engine.Device(
                "cpu",
                Runtime.getRuntime().availableProcessors() + " cores, " + System.getProperty("os.arch"),
                true,
                system.getTotalMemorySize(),
                system.getFreeMemorySize(),
                null);
    }

    /** The device that a request means: {@code auto} becomes {@code cpu} or {@code cuda:0}; one that is not there is refused. */
    public static String resolve(String id) {
        return EngineThread.call(() -> id(choose(id)));
    }

    /** On the engine thread: the device that a request means. */
    static Device choose(String id) {
        int gpus = EngineThread.engine().getGpuCount();
        if (id.equals("cpu")) return Device.cpu();
        if (id.equals("auto")) return gpus > 0 ? Device.gpu() : Device.cpu();
        if (id.matches("cuda(:[0-9]{1,3})?")) {
            int index = id.length() > 5 ? Integer.parseInt(id.substring(5)) : 0;
            if (index < gpus) return Device.gpu(index);
            throw Problem.unsupported("there is no such GPU")
                    .where("device " + id)
                    .found(
                            gpus == 0
                                    ? "no CUDA device: " + whyNoGpu()
                                    : List.of(Device.gpu()).stream()
                                                    .map(TorchDevices::id)
                                                    .collect(Collectors.joining()) + " and " + (gpus - 1) + " more")
                    .instead("use --device cpu or auto; for a GPU, build with `mvn -Pcuda package`");
        }
        throw Problem.invalid("no such device")
                .where("device")
                .expected("auto, cpu or cuda:N")
                .found(id);
    }

    private static String whyNoGpu() {
        return CudaUtils.hasCuda()
                ? "the driver sees one, but this build's libtorch is for CPUs"
                : "no CUDA driver or no device was found, or this build's libtorch is for CPUs";
    }

    static String id(Device device) {
        return device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
    }
}
