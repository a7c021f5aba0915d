package org.llminspector.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.base.Json;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/**
 * EngineBench times one model on one engine in a fresh process, in milliseconds; {@code scripts/bench} calls it.
 *
 * <p>{@code --model PATH --engine torch|onnx --precision P [--kernel fast|exact] [--form fast|hooked] --what
 * prefill,prefill512,decode,capture,rows} (load is always measured). The caller sets the threads, through {@code -Dai.djl.pytorch.num_threads}.
 */
public final class EngineBench {

    private static final int REPETITIONS = 7;
    private static final int ROWS = 16;
    private static final int PROMPT = 16; // tokens before decoding
    private static final int DECODED = 32;
    private static final int SEQUENCES = 4; // of DECODED tokens each, after the warm-up
    private static final long WARM_UP_NANOS = 3_000_000_000L;

    private final InspectorEngine engine;
    private final boolean hooked;
    private final Map<String, Object> result;

    private EngineBench(InspectorEngine engine, boolean hooked, Map<String, Object> result) {
        this.engine = engine;
        this.hooked = hooked;
        this.result = result;
    }

    public static void main(String[] args) {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) options.put(args[i], args[i + 1]);
        Set<String> what = Set.of(options.get("--what").split(","));
        boolean torch = options.get("--engine").equals("torch");
        Precision precision = Precision.valueOf(options.get("--precision").toUpperCase(Locale.ROOT));
        Kernel kernel = Kernel.valueOf(options.getOrDefault("--kernel", "fast").toUpperCase(Locale.ROOT));
        // The native libraries are loaded before, for they are not part of the model.
        var loaded = torch ? TorchEngine.capabilities() : OnnxEngine.capabilities();
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("version", loaded.version());
        long from = System.nanoTime();
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(options.get("--model")))) {
            Weights weights = Family.open(checkpoint);
            try (InspectorEngine engine = torch
                    ? TorchEngine.open(weights, "cpu", precision)
                    : OnnxEngine.open(weights, "cpu", new PrecisionPlan(precision, kernel, null))) {
                result.put("load_ms", ms(from));
                EngineBench bench = new EngineBench(engine, "hooked".equals(options.get("--form")), result);
                try (Session session = bench.begin(1, new TreeSet<>())) {
                    session.append(bench.ids(1)); // touches every weight
                }
                result.put("first_token_ms", ms(from));
                if (what.contains("prefill")) result.put("prefill_128_ms", bench.prefill(128));
                if (what.contains("prefill512")) result.put("prefill_512_ms", bench.prefill(512));
                if (what.contains("decode")) result.put("decode_ms", bench.decode());
                if (what.contains("capture")) bench.capture();
                if (what.contains("rows")) bench.rows();
            }
        }
        System.out.println(Json.write(result));
    }

    private Session begin(int length, SortedSet<HookId> hooks) {
        return engine.begin(new SessionRequest(length, hooks, List.of(), List.of(), hooked));
    }

    private List<Double> prefill(int length) {
        List<Double> times = new ArrayList<>();
        int[] ids = ids(length);
        for (int i = 0; i <= REPETITIONS; i++) { // the first warms up
            try (Session session = begin(length, new TreeSet<>())) {
                long from = System.nanoTime();
                session.append(ids);
                if (i > 0) times.add(ms(from));
            }
        }
        return times;
    }

    /** One time per token; of the first sequence, which the JVM has not compiled anything for, kept apart. */
    private List<Double> decode() {
        List<Integer> greedy = new ArrayList<>();
        long warm = System.nanoTime() + WARM_UP_NANOS;
        result.put("decode_cold_ms", decode(greedy));
        result.put("greedy", greedy);
        while (System.nanoTime() < warm) decode(new ArrayList<>());
        List<Double> times = new ArrayList<>();
        for (int i = 0; i < SEQUENCES; i++) times.addAll(decode(new ArrayList<>()));
        return times;
    }

    private List<Double> decode(List<Integer> greedy) {
        List<Double> times = new ArrayList<>();
        try (Session session = begin(PROMPT + DECODED, new TreeSet<>())) {
            float[] logits = session.append(ids(PROMPT));
            for (int t = 0; t < DECODED; t++) {
                int next = argmax(logits);
                greedy.add(next);
                long from = System.nanoTime();
                logits = session.append(new int[] {next});
                times.add(ms(from));
            }
        }
        return times;
    }

    /**
     * All hook points of 128 tokens, and all but {@code hook_result}, beside the hooked form without, in turns. Without,
     * every position's logits are made too (as capturing {@code logits} asks for), so that all do the same arithmetic,
     * but for {@code hook_result}, which is made only where it is asked for.
     */
    private void capture() {
        int[] ids = ids(128);
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(engine.spec()));
        TreeSet<HookId> most = new TreeSet<>(all);
        most.removeIf(h -> h.point() == HookPoint.RESULT);
        TreeSet<HookId> logits = new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
        Map<String, TreeSet<HookId>> each = new LinkedHashMap<>();
        each.put("uncaptured", logits);
        each.put("capture_most", most);
        each.put("capture", all);
        Map<String, List<Double>> times = new LinkedHashMap<>();
        for (int i = 0; i <= REPETITIONS; i++) { // the first warms up
            for (Map.Entry<String, TreeSet<HookId>> e : each.entrySet()) {
                TreeSet<HookId> hooks = e.getValue();
                try (Session session = engine.begin(new SessionRequest(128, hooks, List.of(), List.of(), true))) {
                    long from = System.nanoTime();
                    session.append(ids);
                    double ms = ms(from);
                    Capture capture = session.capture();
                    double whole = ms(from);
                    result.put(e.getKey() + "_bytes", capture.byteSize());
                    result.put(e.getKey() + "_tensors", hooks.size());
                    capture.close(); // as a run does that is kept on disk
                    if (i == 0) continue;
                    add(times, e.getKey() + "_128_ms", ms - session.captureMs());
                    add(times, e.getKey() + "_whole_128_ms", whole);
                }
            }
        }
        result.putAll(times);
    }

    /** 16 rows of 128 tokens as a batch beside 16 sequences, in turns; every layer's neurons are captured. */
    private void rows() {
        int[][] rows = new int[ROWS][];
        for (int r = 0; r < ROWS; r++) {
            int first = r;
            rows[r] = IntStream.range(first, first + 128)
                    .map(i -> i * 7919 % engine.spec().vocab())
                    .toArray();
        }
        TreeSet<HookId> hooks = new TreeSet<>(HookPatterns.match(engine.spec(), List.of("blocks.*.mlp.hook_post")));
        Map<String, List<Double>> times = new LinkedHashMap<>();
        for (int i = 0; i <= REPETITIONS; i++) { // the first warms up
            long from = System.nanoTime();
            engine.run(Batch.of(rows, hooks), (id, value) -> {});
            double batch = ms(from);
            from = System.nanoTime();
            for (int[] row : rows) {
                try (Session session = engine.begin(new SessionRequest(128, hooks, List.of(), List.of()))) {
                    session.append(row);
                    session.capture().close();
                }
            }
            if (i == 0) continue;
            add(times, "batch_16_ms", batch);
            add(times, "turns_16_ms", ms(from));
        }
        result.putAll(times);
    }

    private static void add(Map<String, List<Double>> times, String name, double ms) {
        times.computeIfAbsent(name, n -> new ArrayList<>()).add(ms);
    }

    private int[] ids(int n) {
        return IntStream.range(0, n).map(i -> i * 7919 % engine.spec().vocab()).toArray();
    }

    private static int argmax(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
        return best;
    }

    private static double ms(long from) {
        return (System.nanoTime() - from) / 1e6;
    }
}
