package org.llminspector.engine.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.engine.Device;
import org.llminspector.engine.gpu.Gpus.Driver;
import org.llminspector.engine.gpu.Gpus.Management;

/** What is made of the answers of NVIDIA's libraries, over two GPUs. */
class GpusTest {

    private static final List<String> ADDRESSES = List.of("0000:3B:00.0", "0000:1A:00.0");
    private static final long GIB = 1L << 30;

    /** A driver of which one call may fail. */
    private static class Machine implements Driver, Management {
        String failing = "";
        byte[] name = "NVIDIA H100 80GB HBM3\0rubbish".getBytes(StandardCharsets.UTF_8);

        private int code(String call) {
            return call.equals(failing) ? 999 : 0;
        }

        @Override
        public int cuInit(int flags) {
            return code("cuInit");
        }

        @Override
        public int cuDeviceGetCount(int[] count) {
            count[0] = 2;
            return code("cuDeviceGetCount");
        }

        @Override
        public int cuDeviceGet(int[] device, int ordinal) {
            device[0] = 10 + ordinal; // a handle, not a number
            return code("cuDeviceGet");
        }

        @Override
        public int cuDeviceGetName(byte[] to, int bytes, int device) {
            System.arraycopy(name, 0, to, 0, name.length);
            return code("cuDeviceGetName");
        }

        @Override
        public int cuDeviceGetPCIBusId(byte[] to, int bytes, int device) {
            byte[] address = ADDRESSES.get(device - 10).getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(address, 0, to, 0, address.length);
            return code("cuDeviceGetPCIBusId");
        }

        @Override
        public int nvmlInit_v2() {
            return code("nvmlInit_v2");
        }

        @Override
        public int nvmlDeviceGetHandleByPciBusId_v2(String address, PointerByReference device) {
            device.setValue(Pointer.createConstant(1 + ADDRESSES.indexOf(address)));
            return code("nvmlDeviceGetHandleByPciBusId_v2");
        }

        @Override
        public int nvmlDeviceGetMemoryInfo(Pointer device, long[] memory) {
            long gpu = Pointer.nativeValue(device);
            memory[0] = gpu * 80 * GIB;
            memory[1] = gpu * 70 * GIB;
            memory[2] = gpu * 10 * GIB;
            return code("nvmlDeviceGetMemoryInfo");
        }

        @Override
        public int nvmlDeviceGetTotalEnergyConsumption(Pointer device, long[] energy) {
            energy[0] = 1_000_000 * Pointer.nativeValue(device);
            return code("nvmlDeviceGetTotalEnergyConsumption");
        }
    }

    private final Machine machine = new Machine();

    private static List<Device> devices(Gpus gpus) {
        return gpus.devices(i -> null);
    }

    @Test
    void gpusHaveCudasNumbersAndTheirOwnMemory() {
        Gpus gpus = new Gpus(machine, machine);
        assertThat(gpus.count()).isEqualTo(2);
        assertThat(gpus.whyNone()).isNull();
        assertThat(devices(gpus))
                .extracting(Device::id, Device::name, Device::available, Device::memoryBytes, Device::freeBytes)
                .containsExactly(
                        tuple("cuda:0", "NVIDIA H100 80GB HBM3", true, 80 * GIB, 70 * GIB),
                        tuple("cuda:1", "NVIDIA H100 80GB HBM3", true, 160 * GIB, 140 * GIB));
        assertThat(gpus.taken("cuda:1")).isEqualTo(20 * GIB);
        assertThat(gpus.taken("cuda:2")).isNull();
        assertThat(gpus.taken("cpu")).isNull();
        assertThat(gpus.millijoules("cuda:1")).isEqualTo(2_000_000);
        assertThat(gpus.millijoules("cpu")).isNull();
    }

    @Test
    void anOldGpuDoesNotSayWhatItTakes() {
        machine.failing = "nvmlDeviceGetTotalEnergyConsumption";
        Gpus gpus = new Gpus(machine, machine);
        assertThat(gpus.millijoules("cuda:0")).isNull();
        assertThat(gpus.taken("cuda:0")).isEqualTo(10 * GIB);
    }

    @Test
    void anEngineSaysWhatKeepsItFromAGpu() {
        assertThat(new Gpus(machine, machine).devices(i -> i == 0 ? null : "too old"))
                .extracting(Device::available, Device::why)
                .containsExactly(tuple(true, null), tuple(false, "too old"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nvmlInit_v2",
                "cuDeviceGet",
                "cuDeviceGetPCIBusId",
                "nvmlDeviceGetHandleByPciBusId_v2",
                "nvmlDeviceGetMemoryInfo"
            })
    void withoutOneOfTheseCallsThereIsNoMemoryToTell(String call) {
        machine.failing = call;
        withoutMemory(new Gpus(machine, machine));
    }

    @Test
    void withoutNvmlThereIsNoMemoryToTell() {
        withoutMemory(new Gpus(machine, null));
        withoutMemory(new Gpus(machine, new Machine() {
            @Override
            public int nvmlInit_v2() {
                throw new UnsatisfiedLinkError("Error looking up function 'nvmlInit_v2'");
            }
        }));
    }

    private static void withoutMemory(Gpus gpus) {
        assertThat(devices(gpus)).hasSize(2).allSatisfy(d -> {
            assertThat(d.available()).isTrue();
            assertThat(d.memoryBytes()).isNull();
            assertThat(d.freeBytes()).isNull();
        });
        assertThat(gpus.taken("cuda:0")).isNull();
    }

    @Test
    void withoutADriverThereIsNoGpu() {
        none(new Gpus(null, machine), "no NVIDIA driver");
    }

    @Test
    void aDriverThatDoesNotStartSaysSo() {
        machine.failing = "cuInit";
        none(new Gpus(machine, machine), "cuInit gives 999");
        machine.failing = "cuDeviceGetCount";
        none(new Gpus(machine, machine), "shows no GPU");
    }

    @Test
    void aDriverMayShowNone() {
        none(
                new Gpus(
                        new Machine() {
                            @Override
                            public int cuInit(int flags) {
                                return 100;
                            }
                        },
                        machine),
                "shows no GPU");
    }

    private static void none(Gpus gpus, String why) {
        assertThat(gpus.count()).isZero();
        assertThat(gpus.whyNone()).contains(why);
        assertThat(devices(gpus))
                .extracting(Device::id, Device::name, Device::memoryBytes)
                .containsExactly(tuple("cuda:0", "CUDA device 0", null));
        assertThat(gpus.taken("cuda:0")).isNull();
    }

    @Test
    void aNameThatIsNoneIsTheNumber() {
        machine.failing = "cuDeviceGetName";
        assertThat(devices(new Gpus(machine, machine)).get(1).name()).isEqualTo("CUDA device 1");
        machine.failing = "";
        machine.name = " \0".getBytes(StandardCharsets.UTF_8);
        assertThat(devices(new Gpus(machine, machine)).get(1).name()).isEqualTo("CUDA device 1");
    }

    @Test
    void aNameMayFillItsBytesAndBeNoText() {
        machine.name = "x".repeat(256).getBytes(StandardCharsets.UTF_8);
        assertThat(devices(new Gpus(machine, machine)).get(0).name()).isEqualTo("x".repeat(256));
        machine.name = new byte[] {'A', (byte) 0xff, 0};
        assertThat(devices(new Gpus(machine, machine)).get(0).name()).isEqualTo("A\ufffd");
    }

    /** NVIDIA's libraries of this machine, if it has them. */
    @Test
    void theMachineIsAskedInTheSameWay() {
        Gpus here = Gpus.now();
        assertThat(devices(here)).hasSize(Math.max(1, here.count()));
        for (Device d : devices(here)) {
            assertThat(d.name()).isNotBlank();
            if (d.memoryBytes() != null) {
                assertThat(d.freeBytes()).isBetween(0L, d.memoryBytes());
                assertThat(here.taken(d.id())).isEqualTo(d.memoryBytes() - d.freeBytes());
            }
        }
    }
}
