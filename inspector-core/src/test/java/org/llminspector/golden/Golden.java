package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** Golden is one tiny model with what Hugging Face transformers computed for it; the READMEs of the goldens explain. */
public final class Golden implements AutoCloseable {

    public static final Path ROOT = Path.of("src/test/resources/golden/hf");
    /** The oddest of what scripts/golden/odd_sizes.py makes: one key/value head, sizes that divide nothing. */
    public static final Path ODD = Path.of("src/test/resources/golden/odd");

    /** Families whose goldens have the residual stream, patterns and logits, and no gradients and ablations. */
    public static final Path FAMILIES = Path.of("src/test/resources/golden/families");

    /** Of which only the prompt is held against the reference. */
    public static final Path PROMPTS = Path.of("src/test/resources/golden/prompts");

    /** Of all goldens only the folders that this finds: {@code -Dgolden='llama|qwen'} narrows a run of the tests. */
    private static final Pattern ONLY = Pattern.compile(System.getProperty("golden", ""));

    public final Path dir;
    public final Checkpoint checkpoint;
    public final Weights weights;
    public final InspectorEngine engine;
    public final JsonNode info;
    public final JsonNode noise;
    private final SafetensorsFile tensors;

    public Golden(Path dir) {
        this(dir, Kind.TORCH);
    }

    public Golden(Path dir, Kind kind) {
        this.dir = dir;
        this.checkpoint = Checkpoint.open(dir);
        this.weights = Family.open(checkpoint);
        this.engine = kind.open(weights);
        this.tensors = SafetensorsFile.open(dir.resolve("golden.safetensors"));
        this.info = Json.readObject(dir.resolve("golden.json")).path("info");
        this.noise = noise(dir);
    }

    /** Folders of all goldens in this repository, and of LLM_INSPECTOR_GOLDENS (a path list) where it is set. */
    public static List<Path> all() {
        List<Path> roots = new ArrayList<>(List.of(ROOT));
        String more = System.getenv("LLM_INSPECTOR_GOLDENS");
        if (more != null) for (String p : more.split(":", -1)) roots.add(Path.of(p));
        Set<Path> dirs = new TreeSet<>();
        for (Path root : roots) dirs.addAll(in(root));
        return List.copyOf(dirs);
    }

    /** Whether INT8 products of ONNX Runtime saturate here: those of unsigned and signed bytes on an x86 CPU without VNNI. */
    public static boolean saturates() {
        Path cpus = Path.of("/proc/cpuinfo");
        try {
            return Files.isReadable(cpus)
                    && Files.readString(cpus).contains("avx2")
                    && !Files.readString(cpus).contains("vnni");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Folders of the goldens in a folder. */
    public static List<Path> in(Path root) {
        try (Stream<Path> list = Files.list(root)) {
            return list.filter(d -> Files.exists(d.resolve("golden.safetensors")))
                    .filter(Golden::wanted)
                    .sorted()
                    .toList();
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Whether this run of the tests has a golden, by the name of its folder or file. */
    static boolean wanted(Path golden) {
        return ONLY.matcher(golden.getFileName().toString()).find();
    }

    /** hf/llama. */
    static String name(Path dir) {
        return dir.getParent().getFileName() + "/" + dir.getFileName();
    }

    public Set<String> names() {
        return tensors.tensors().keySet();
    }

    public Tensor tensor(String name) {
        return tensors.tensor(name);
    }

    public float[] values(String name) {
        return tensor(name).toFloats();
    }

    public int[] ids(String name) {
        Tensor t = tensor(name);
        int[] ids = new int[(int) t.size()];
        for (int i = 0; i < ids.length; i++) ids[i] = (int) t.get(i);
        return ids;
    }

    /** How two versions of the reference differ; null where that was not measured. */
    static JsonNode noise(Path dir) {
        Path file = dir.resolve("noise.json");
        return Files.exists(file) ? Json.readObject(file).path("max_abs_diff") : null;
    }

    /** Three times the difference between two versions of the reference. */
    public double tolerance(String kind) {
        boolean measured = noise == null || noise.has(kind);
        return tolerance(noise, measured ? kind : kind.replace("greedy_", ""));
    }

    static double tolerance(JsonNode noise, String kind) {
        return 3 * (noise == null ? 2e-5 : noise.path(kind).asDouble());
    }

    /** Runs ids once, capturing the hooks. */
    public org.llminspector.capture.Capture capture(int[] ids, Set<HookId> hooks) {
        try (Session session =
                engine.begin(new SessionRequest(ids.length, new TreeSet<>(hooks), List.of(), List.of()))) {
            session.append(ids);
            return session.capture();
        }
    }

    /** Of all positions, by a form of an engine: the first ones in one pass, each of the others in its own. */
    public static float[] logits(InspectorEngine engine, int[] ids, int first, boolean hooked) {
        HookId logits = HookId.of(HookPoint.LOGITS);
        try (Session s = engine.begin(
                new SessionRequest(ids.length, new TreeSet<>(List.of(logits)), List.of(), List.of(), hooked))) {
            assertThat(s.form()).isEqualTo(hooked ? "hooked" : "fused");
            s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) s.append(new int[] {ids[i]});
            return s.capture().get(logits).toFloats();
        }
    }

    /**
     * Holds an engine whose products are in FP16 against this, in both of its forms. On these models the graphs for CUDA, run by
     * a CPU, were at most 0.087 of a logit and 4.8e-5 nats away, and nowhere as near as FP32 is.
     */
    public void holdsInFp16(InspectorEngine half) {
        int[] ids = ids("input_ids");
        for (boolean hooked : new boolean[] {false, true}) {
            float[] logits = logits(half, ids, ids.length, hooked);
            assertThat(maxAbsDiff(logits, values("logits"))).isBetween(1e-3, 0.2);
            assertThat(kl(values("logits"), logits, half.spec().vocab())).isLessThan(1e-4);
        }
    }

    public static double maxAbsDiff(float[] a, float[] b) {
        if (a.length != b.length) throw new AssertionError(a.length + " values against " + b.length);
        double max = 0;
        for (int i = 0; i < a.length; i++) {
            double d = Math.abs((double) a[i] - b[i]);
            if (!(d <= max)) max = a[i] == b[i] ? max : Double.isNaN(d) ? Double.POSITIVE_INFINITY : d;
        }
        return max;
    }

    /** KL(a || b), nats, mean over the rows of logits. */
    public static double kl(float[] a, float[] b, int vocab) {
        double sum = 0;
        for (int at = 0; at < a.length; at += vocab) {
            double logZa = logSumExp(a, at, vocab);
            double logZb = logSumExp(b, at, vocab);
            for (int v = at; v < at + vocab; v++) {
                sum += Math.exp(a[v] - logZa) * (a[v] - logZa - b[v] + logZb);
            }
        }
        int rows = a.length / vocab;
        return sum / rows;
    }

    private static double logSumExp(float[] x, int at, int n) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = at; i < at + n; i++) max = Math.max(max, x[i]);
        double sum = 0;
        for (int i = at; i < at + n; i++) sum += Math.exp(x[i] - max);
        return max + Math.log(sum);
    }

    @Override
    public void close() {
        engine.close();
        tensors.close();
        checkpoint.close();
    }

    @Override
    public String toString() {
        return name(dir);
    }
}
