package org.llminspector.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryType;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedStore;
import org.llminspector.local.PreparedTensors;

/**
 * OpenBench opens one checkpoint in a fresh process, or only reads its files once; {@code scripts/bench open} calls it.
 *
 * <p>{@code --model DIR | --sparse NAME [--layers N] --in DIR, --how read|open [--engine NAME] [--precision NAME] [--prepared DIR]}. Milliseconds since the start of each step; memory as /proc/self/status has it:
 * what is the process' own (RssAnon), what is pages of mapped files (RssFile), and the most there ever was (VmHWM).
 */
public final class OpenBench {

    private OpenBench() {}

    public static void main(String[] args) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) options.put(args[i], args[i + 1]);
        Path model = model(options);
        Map<String, Object> result = new LinkedHashMap<>();
        // The native library is loaded before, for it is not part of the checkpoint.
        TorchEngine.capabilities();
        memory("before_", result);
        if (options.get("--how").equals("read")) read(model, result);
        else open(model, options, result);
        memory("after_", result);
        System.out.println(Json.write(result));
    }

    /** {@code --model DIR}, or {@code --sparse NAME --layers N --in DIR}: a model of published sizes, written there. */
    private static Path model(Map<String, String> options) throws IOException {
        if (options.containsKey("--model")) return Path.of(options.get("--model"));
        String name = options.get("--sparse");
        SparseModel sparse = options.containsKey("--layers")
                ? new SparseModel(name, Integer.parseInt(options.get("--layers")))
                : SparseModel.of(name);
        Path there = Path.of(options.get("--in")).resolve(sparse.name() + "-" + sparse.layers());
        return Files.exists(there.resolve("model.safetensors")) ? there : sparse.write(there.getParent());
    }

    private static void read(Path model, Map<String, Object> result) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 22);
        long bytes = 0;
        double cpu = cpu();
        long from = System.nanoTime();
        for (Path file : weightFiles(model)) {
            try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer.clear())) bytes += n;
            }
        }
        result.put("read_ms", ms(from));
        result.put("read_cpu_ms", cpu() - cpu);
        result.put("bytes", bytes);
    }

    private static List<Path> weightFiles(Path model) throws IOException {
        if (Files.isRegularFile(model)) return List.of(model);
        try (Stream<Path> files = Files.list(model)) {
            return files.filter(f -> f.toString().endsWith(".safetensors"))
                    .sorted()
                    .toList();
        }
    }

    private static InspectorEngine engine(Weights weights, Map<String, String> options, PreparedTensors prepared) {
        Precision precision =
                Precision.valueOf(options.getOrDefault("--precision", "fp32").toUpperCase(Locale.ROOT));
        return options.getOrDefault("--engine", "torch").equals("torch")
                ? TorchEngine.open(weights, "cpu", precision)
                : OnnxEngine.open(weights, "cpu", PrecisionPlan.of(precision), prepared);
    }

    private static void open(Path model, Map<String, String> options, Map<String, Object> result) {
        double cpu = cpu();
        long from = System.nanoTime();
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Weights weights = Family.open(checkpoint);
            result.put("checkpoint_ms", ms(from));
            PreparedTensors prepared = options.containsKey("--prepared")
                    ? new PreparedStore(Path.of(options.get("--prepared")), 1L << 40)
                            .open(checkpoint, "bench " + options)
                    : PreparedTensors.NONE;
            try (InspectorEngine engine = engine(weights, options, prepared)) {
                result.put("engine_ms", ms(from));
                result.put("engine_cpu_ms", cpu() - cpu);
                memory("engine_", result);
                result.put("heap_mib", heap() / 1048576.0);
                result.put("resident_mib", engine.memory().resident() / 1048576.0);
                result.put("mapped_mib", engine.memory().mapped() / 1048576.0);
                try (var session = engine.begin(SessionRequest.plain(1))) {
                    session.append(new int[] {1}); // reads every weight but the embeddings of other tokens
                }
                result.put("first_token_ms", ms(from));
                memory("first_token_", result);
                if (prepared != PreparedTensors.NONE) prepared.finish(checkpoint.sha256(), checkpoint);
            }
        }
    }

    /** Milliseconds that all threads of this process were at work: what others do does not count. */
    private static double cpu() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e6;
    }

    /** Bytes of the Java heap that were ever in use. */
    private static long heap() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(p -> p.getType() == MemoryType.HEAP)
                .mapToLong(p -> p.getPeakUsage().getUsed())
                .sum();
    }

    private static double ms(long from) {
        return (System.nanoTime() - from) / 1e6;
    }

    /** Mebibytes; nothing where there is no /proc. */
    private static void memory(String when, Map<String, Object> result) {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) return;
        try {
            for (String line : Files.readAllLines(status)) {
                if (line.matches("(RssAnon|RssFile|VmHWM):.*")) {
                    String name = line.substring(0, line.indexOf(':')).toLowerCase(Locale.ROOT);
                    result.put(when + name + "_mib", Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0);
                }
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
