package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.Problem;
import org.llminspector.engine.Device;
import org.llminspector.engine.gpu.Gpus;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;

/** Devices that ONNX Runtime can use. */
public final class OnnxDevices {

    private static final String NO_CUDA = "this build's ONNX Runtime is for CPUs";

    /** Why a CUDA device cannot run a graph; "" where it can. */
    private static final Map<Integer, String> TROUBLES = new ConcurrentHashMap<>();

    private OnnxDevices() {}

    /**
     * Resolves a request's device: {@code auto} becomes {@code cuda:0} where it works, else {@code cpu}; a missing
     * device is refused.
     */
    public static String resolve(String id) {
        return target(id).id();
    }

    public static Target target(String id) {
        if (id.equals("cpu") || (id.equals("auto") && !trouble(0).isEmpty())) return Target.cpu(threads());
        if (id.equals("auto")) return Target.cuda(0);
        int index = Device.gpu(id);
        String trouble = trouble(index);
        if (trouble.isEmpty()) return Target.cuda(index);
        throw Problem.unsupported("ONNX Runtime cannot run on this device")
                .where("device " + id)
                .expected("a build with CUDA (`mvn -Pcuda package`), an NVIDIA driver, and CUDA 12's libraries, 12.8 or"
                        + " later (cudart, cublas, cublasLt, curand), and cuDNN 9 where the system's loader finds them")
                .found(trouble)
                .instead("use --device cpu or auto");
    }

    /** The CPU and every GPU, with the reason where one cannot be used. */
    public static List<Device> list() {
        List<Device> devices = new ArrayList<>();
        devices.add(
                new Device("cpu", threads() + " threads, " + System.getProperty("os.arch"), true, null, null, null));
        // A test graph takes half a gigabyte of GPU memory: other GPUs are assumed to be like the first until
        // requested.
        devices.addAll(Gpus.now().devices(i -> {
            String trouble = i == 0 ? trouble(0) : TROUBLES.getOrDefault(i, trouble(0));
            return trouble.isEmpty() ? null : trouble;
        }));
        return devices;
    }

    /** Why a CUDA device cannot run a graph; "" where it can. Tested once per process. */
    private static String trouble(int device) {
        return TROUBLES.computeIfAbsent(device, OnnxDevices::findTrouble);
    }

    private static String findTrouble(int device) {
        boolean built = Ort.call(env -> OrtEnvironment.getAvailableProviders()).contains(OrtProvider.CUDA);
        if (!built) return NO_CUDA;
        // Checked first: ONNX Runtime would unpack half a gigabyte before it finds no driver.
        Gpus gpus = Gpus.now();
        if (gpus.count() == 0) return gpus.whyNone();
        if (device >= gpus.count()) return "the NVIDIA driver's last GPU is cuda:" + (gpus.count() - 1);
        try {
            return runs(Target.cuda(device)) ? "" : "a wrong product";
        } catch (Problem p) {
            return p.found().replaceFirst("^.* with error: ", "").replaceFirst("^.*(CUDA failure [^;]*[^ ;]).*$", "$1");
        }
    }

    /** Runs a test graph with a ReduceMax, which needs cuDNN. */
    private static boolean runs(Target target) {
        GraphBuilder graph = new GraphBuilder();
        String x = graph.input("x", Type.FLOAT, 2);
        String y = graph.node("ReduceMax", graph.node("Mul", x, x), graph.ints(0));
        graph.output(y, Type.FLOAT);
        try (OnnxWeights weights = new OnnxWeights(null);
                OpenGraph open = new OpenGraph(Graph.of(graph, y), weights, target, false)) {
            float product = open.once(
                    feed -> feed.floats("x", new float[] {2, 3}, 2),
                    Set.of(y),
                    result -> OpenGraph.output(result, y).getFloatBuffer().get(0));
            return product == 9;
        }
    }

    /** Threads of one operation: all cores unless {@code -Dinspector.onnx.threads} says otherwise. */
    public static int threads() {
        return Integer.getInteger("inspector.onnx.threads", Runtime.getRuntime().availableProcessors());
    }
}
