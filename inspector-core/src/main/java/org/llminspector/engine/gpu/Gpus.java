package org.llminspector.engine.gpu;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.function.IntSupplier;
import java.util.stream.IntStream;
import org.llminspector.engine.Device;

/**
 * The machine's NVIDIA GPUs as reported by the driver, in CUDA's numbering (CUDA_VISIBLE_DEVICES). Queries take no GPU
 * memory. Values that the driver does not report are null.
 */
public final class Gpus {

    private static final String DRIVER = Platform.isWindows() ? "nvcuda" : "libcuda.so.1";
    private static final String MANAGEMENT = Platform.isWindows() ? "nvml" : "libnvidia-ml.so.1";

    /** Buffer sizes of a device's name and PCI address, including the NUL; longer ones are truncated. */
    private static final int NAME = 256;

    private static final int ADDRESS = 32;

    private static final int NO_DEVICE = 100; // CUDA_ERROR_NO_DEVICE
    private static final int MISSING = -1;

    /** Functions of the CUDA driver that create no context. 0 is success. */
    interface Driver extends Library {
        int cuInit(int flags);

        int cuDeviceGetCount(int[] count);

        int cuDeviceGet(int[] device, int ordinal);

        int cuDeviceGetName(byte[] name, int bytes, int device);

        int cuDeviceGetPCIBusId(byte[] address, int bytes, int device);
    }

    /**
     * NVML, the driver's management library, which numbers all GPUs regardless of CUDA_VISIBLE_DEVICES. 0 is success.
     */
    interface Management extends Library {
        int nvmlInit_v2();

        int nvmlDeviceGetHandleByPciBusId_v2(String address, PointerByReference device);

        /** @param memory total, free and used bytes */
        int nvmlDeviceGetMemoryInfo(Pointer device, long[] memory);

        /** @param energy millijoules since the driver was loaded; GPUs from Volta on */
        int nvmlDeviceGetTotalEnergyConsumption(Pointer device, long[] energy);
    }

    private record Gpu(String name, Long memoryBytes, Long freeBytes, Long millijoules) {}

    /** The two libraries; null where missing. */
    private static final class Loaded {
        static final Driver CUDA = load(DRIVER, Driver.class);
        static final Management NVML = load(MANAGEMENT, Management.class);

        private static <T extends Library> T load(String name, Class<T> type) {
            try {
                return Native.load(name, type);
            } catch (UnsatisfiedLinkError e) {
                return null;
            }
        }
    }

    private final List<Gpu> all;
    private final String whyNone;

    /** The machine's GPUs, as they are now. */
    public static Gpus now() {
        return new Gpus(Loaded.CUDA, Loaded.NVML);
    }

    Gpus(Driver cuda, Management nvml) {
        List<Gpu> gpus = new ArrayList<>();
        int[] count = {0};
        int started = cuda == null ? MISSING : code(() -> cuda.cuInit(0));
        boolean counted = started == 0 && ok(() -> cuda.cuDeviceGetCount(count));
        boolean memory = counted && nvml != null && ok(nvml::nvmlInit_v2);
        for (int i = 0; counted && i < count[0]; i++) gpus.add(gpu(cuda, memory ? nvml : null, i));
        this.all = List.copyOf(gpus);
        this.whyNone = !gpus.isEmpty() ? null : whyNone(cuda, started);
    }

    private static String whyNone(Driver cuda, int started) {
        if (cuda == null) return "no NVIDIA driver: " + DRIVER + " is not on this machine";
        if (started == 0 || started == NO_DEVICE) return "the NVIDIA driver shows no GPU";
        return "the NVIDIA driver does not start: cuInit gives " + started;
    }

    private static Gpu gpu(Driver cuda, Management nvml, int ordinal) {
        int[] device = new int[1];
        byte[] name = new byte[NAME];
        byte[] address = new byte[ADDRESS];
        long[] memory = new long[3];
        boolean there = ok(() -> cuda.cuDeviceGet(device, ordinal));
        boolean named = there && ok(() -> cuda.cuDeviceGetName(name, name.length, device[0]));
        PointerByReference handle = new PointerByReference();
        boolean measured = there
                && nvml != null
                && ok(() -> cuda.cuDeviceGetPCIBusId(address, address.length, device[0]))
                && ok(() -> nvml.nvmlDeviceGetHandleByPciBusId_v2(text(address), handle))
                && ok(() -> nvml.nvmlDeviceGetMemoryInfo(handle.getValue(), memory));
        long[] energy = new long[1];
        boolean weighed = measured && ok(() -> nvml.nvmlDeviceGetTotalEnergyConsumption(handle.getValue(), energy));
        return new Gpu(
                named ? text(name) : "",
                measured ? memory[0] : null,
                measured ? memory[1] : null,
                weighed ? energy[0] : null);
    }

    private static boolean ok(IntSupplier call) {
        return code(call) == 0;
    }

    /** A call's result; MISSING where the driver is too old to have the function. */
    private static int code(IntSupplier call) {
        try {
            return call.getAsInt();
        } catch (UnsatisfiedLinkError e) {
            return MISSING;
        }
    }

    private static String text(byte[] bytes) {
        return Native.toString(bytes, StandardCharsets.UTF_8).strip();
    }

    /** Number of GPUs. */
    public int count() {
        return all.size();
    }

    /** Why there are none; null where there are some. */
    public String whyNone() {
        return whyNone;
    }

    /**
     * The GPUs as an engine's devices; without any, one entry for a missing cuda:0.
     *
     * @param trouble why the engine cannot use the GPU of this index; null where it can
     */
    public List<Device> devices(IntFunction<String> trouble) {
        List<Device> devices = new ArrayList<>();
        for (int i = 0; i < Math.max(1, all.size()); i++) {
            Gpu gpu = i < all.size() ? all.get(i) : new Gpu("", null, null, null);
            String why = trouble.apply(i);
            devices.add(new Device(
                    "cuda:" + i,
                    gpu.name().isEmpty() ? "CUDA device " + i : gpu.name(),
                    why == null,
                    gpu.memoryBytes(),
                    gpu.freeBytes(),
                    why));
        }
        return devices;
    }

    /** A GPU's total energy since its driver was loaded, by all its users; null for a CPU or where not reported. */
    public Long millijoules(String device) {
        return IntStream.range(0, all.size())
                .filter(i -> ("cuda:" + i).equals(device))
                .mapToObj(i -> all.get(i).millijoules())
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
    }

    /** Bytes of a GPU's memory in use by all processes; null for a CPU or where not reported. */
    public Long taken(String device) {
        return devices(i -> null).stream()
                .filter(d -> d.id().equals(device) && d.memoryBytes() != null)
                .map(d -> d.memoryBytes() - d.freeBytes())
                .findFirst()
                .orElse(null);
    }
}
