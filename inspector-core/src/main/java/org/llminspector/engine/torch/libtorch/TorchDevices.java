package org.llminspector.engine.torch.libtorch;

import ai.djl.Device;
import ai.djl.engine.StandardCapabilities;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.engine.gpu.Gpus;

/** Devices that this build of libtorch can use. */
public final class TorchDevices {

    private TorchDevices() {}

    /** The CPU and every GPU, with the reason where this libtorch cannot use it. */
    public static List<org.llminspector.engine.Device> list() {
        return EngineThread.call(() -> {
            List<org.llminspector.engine.Device> devices = new ArrayList<>();
            devices.add(cpu());
            devices.addAll(Gpus.now().devices(i -> i < gpus() ? null : whyNoGpu()));
            return devices;
        });
    }

    /** Number of GPUs that libtorch can use; called on the engine thread. */
    static int gpus() {
        return EngineThread.engine().hasCapability(StandardCapabilities.CUDA)
                ? Gpus.now().count()
                : 0;
    }

    private static com.sun.management.OperatingSystemMXBean system() {
        return (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    }

    /** Bytes of this machine's memory. */
    public static long memory() {
        return system().getTotalMemorySize();
    }

    private static org.llminspector.engine.Device cpu() {
        var system = system();
        return new org.llminspector.engine.Device(
                "cpu",
                Runtime.getRuntime().availableProcessors() + " cores, " + System.getProperty("os.arch"),
                true,
                system.getTotalMemorySize(),
                system.getFreeMemorySize(),
                null);
    }

    /** Resolves a request's device: {@code auto} becomes {@code cpu} or {@code cuda:0}; a missing device is refused. */
    public static String resolve(String id) {
        return EngineThread.call(() -> id(choose(id)));
    }

    /** Resolves a request's device; called on the engine thread. */
    public static Device choose(String id) {
        int gpus = gpus();
        if (id.equals("cpu")) return Device.cpu();
        if (id.equals("auto")) return gpus > 0 ? Device.gpu() : Device.cpu();
        int index = org.llminspector.engine.Device.gpu(id);
        if (index < gpus) return Device.gpu(index);
        throw Problem.unsupported("there is no such GPU")
                .where("device " + id)
                .expected("an NVIDIA driver, and libtorch "
                        + EngineThread.engine().getVersion() + " for CUDA in the folder that " + Libtorch.PATH
                        + " names")
                .found(gpus == 0 ? whyNoGpu() : "the last GPU is cuda:" + (gpus - 1))
                .instead("use --device cpu or auto");
    }

    private static String whyNoGpu() {
        Gpus gpus = Gpus.now();
        if (gpus.count() == 0) return gpus.whyNone();
        return Libtorch.forCuda() ? "libtorch cannot start the GPU" : "this libtorch is for CPUs";
    }

    public static String id(Device device) {
        return device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
    }
}
