package org.llminspector.engine.exported;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.CudaGraphs;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.spec.DecoderSpec;

/** Keys and values of exported graphs that stay where the session runs, as on a GPU, against such as are handed out. */
class ExportedCacheTest {

    private static final Path ROOT = Path.of("src/test/resources/golden/onnx");
    private static final int[] IDS = {5, 9, 2, 7, 11, 3, 8};

    static List<Path> graphs() throws IOException {
        try (Stream<Path> all = Files.list(ROOT)) {
            return all.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("graphs")
    void theSameNumbers(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            DecoderSpec spec = ExportedSpec.of(checkpoint);
            ExportedHooks hooks = new ExportedHooks(checkpoint.onnx().orElseThrow(), spec);
            SortedSet<HookId> found = HookPatterns.all(spec);
            found.removeIf(id -> !hooks.has(id));
            try (ExportedEngine host = ExportedEngine.open(checkpoint, spec, Target.cpu(2));
                    ExportedEngine device = ExportedEngine.open(checkpoint, spec, CudaGraphs.TARGET)) {
                for (SortedSet<HookId> seen : List.of(new TreeSet<HookId>(), found)) {
                    assertThat(run(device, seen)).isEqualTo(run(host, seen));
                }
            }
        }
    }

    @Test
    void onlyWhatAHookReadsIsHandedOut() {
        try (Checkpoint checkpoint = Checkpoint.open(ROOT.resolve("llama"));
                Memory memory = CudaGraphs.memory();
                Feed feed = new Feed()) {
            DecoderSpec spec = ExportedSpec.of(checkpoint); // of two layers
            ExportedSignature ports = ExportedSignature.of(checkpoint.onnx().orElseThrow(), spec);
            try (ExportedCache cache = new ExportedCache(spec, ports, memory, Set.of("present.1.key"))) {
                for (int again = 0; again < 2; again++) { // the first pass fails, say
                    assertThat(cache.bind(feed, 3).keySet())
                            .containsExactlyInAnyOrder("present.0.key", "present.0.value", "present.1.value");
                }
            }
            try (ExportedCache cache = new ExportedCache(spec, ports, Memory.HOST, Set.of())) {
                assertThat(cache.bind(feed, 3)).isEmpty();
            }
        }
    }

    /** The last logits, and every captured value, as text. */
    private static List<String> run(ExportedEngine engine, SortedSet<HookId> hooks) {
        try (Session s = engine.begin(new SessionRequest(IDS.length, hooks, List.of(), List.of()))) {
            s.append(Arrays.copyOf(IDS, 4));
            s.append(Arrays.copyOfRange(IDS, 4, 5));
            float[] logits = s.append(Arrays.copyOfRange(IDS, 5, IDS.length));
            Capture capture = s.capture();
            TreeMap<String, String> values = new TreeMap<>();
            capture.tensors().forEach((id, t) -> values.put(id.name(), Arrays.toString(t.toFloats())));
            values.put("last", Arrays.toString(logits));
            return values.entrySet().stream().map(Object::toString).toList();
        }
    }
}
