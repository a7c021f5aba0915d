package org.llminspector.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/**
 * ForwardBench times prefill, decode (fast and tapped) and capture of one model, in milliseconds; {@code scripts/bench} calls it.
 *
 * <p>{@code --model DIR --threads N --precision fp32|fp16 --json}: threads are set by the caller through
 * {@code -Dai.djl.pytorch.num_threads}.
 */
public final class ForwardBench {

    private static final int REPETITIONS = 7;
    private static final int DECODED = 32;

    private ForwardBench() {}

    public static void main(String[] args) {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) options.put(args[i], args[i + 1]);
        Precision precision =
                Precision.valueOf(options.getOrDefault("--precision", "fp32").toUpperCase(java.util.Locale.ROOT));
        Map<String, Object> result = new LinkedHashMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(options.get("--model")));
                TorchEngine engine = TorchEngine.open(Family.open(checkpoint), "cpu", precision)) {
            result.put("threads", engine.info().threads());
            result.put("load_ms", engine.info().loadMs());
            TreeSet<HookId> nothing = new TreeSet<>();
            result.put("prefill_128_ms", prefill(engine, 128, nothing));
            result.put("prefill_512_ms", prefill(engine, 512, nothing));
            result.put("decode_ms", decode(engine, nothing));
            // One small value inside the first layer is enough for the tapped form.
            TreeSet<HookId> one = new TreeSet<>(List.of(HookId.of(HookPoint.LN1_SCALE, 0)));
            result.put("tapped_prefill_128_ms", prefill(engine, 128, one));
            result.put("tapped_prefill_512_ms", prefill(engine, 512, one));
            result.put("tapped_decode_ms", decode(engine, one));
            if (precision == Precision.FP32) capture(engine, result);
        }
        System.out.println(Json.write(result));
    }

    private static List<Double> prefill(TorchEngine engine, int length, SortedSet<HookId> hooks) {
        List<Double> times = new ArrayList<>();
        int[] ids = ids(engine, length);
        for (int i = 0; i <= REPETITIONS; i++) {
            try (Session session = engine.begin(new SessionRequest(length, hooks, List.of(), List.of()))) {
                long from = System.nanoTime();
                session.append(ids);
                if (i > 0) times.add((System.nanoTime() - from) / 1e6);
            }
        }
        return times;
    }

    /** One time a token, after a prompt of 16. */
    private static List<Double> decode(TorchEngine engine, SortedSet<HookId> hooks) {
        List<Double> times = new ArrayList<>();
        int[] ids = ids(engine, 16);
        for (int i = 0; i < 3; i++) {
            try (Session session = engine.begin(new SessionRequest(16 + DECODED, hooks, List.of(), List.of()))) {
                float[] logits = session.append(ids);
                for (int t = 0; t < DECODED; t++) {
                    int next = argmax(logits);
                    long from = System.nanoTime();
                    logits = session.append(new int[] {next});
                    if (i > 0) times.add((System.nanoTime() - from) / 1e6);
                }
            }
        }
        return times;
    }

    /**
     * All hook points of 128 tokens, beside the tapped form without: in turns. Without, every position's logits are made
     * too (as capturing {@code logits} asks for), so that both do the same arithmetic.
     */
    private static void capture(TorchEngine engine, Map<String, Object> result) {
        int[] ids = ids(engine, 128);
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(engine.spec()));
        TreeSet<HookId> logits = new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS), HookId.of(HookPoint.LN1_SCALE, 0)));
        List<Double> without = new ArrayList<>();
        List<Double> with = new ArrayList<>();
        List<Double> copies = new ArrayList<>();
        long bytes = 0;
        for (int i = 0; i <= REPETITIONS; i++) {
            try (Session session = engine.begin(new SessionRequest(128, logits, List.of(), List.of()))) {
                long from = System.nanoTime();
                session.append(ids);
                if (i > 0) without.add((System.nanoTime() - from) / 1e6 - session.captureMs());
            }
            try (Session session = engine.begin(new SessionRequest(128, all, List.of(), List.of()))) {
                long from = System.nanoTime();
                session.append(ids);
                double ms = (System.nanoTime() - from) / 1e6;
                if (i > 0) with.add(ms - session.captureMs());
                if (i > 0) copies.add(session.captureMs());
                bytes = session.capture().byteSize();
            }
        }
        result.put("uncaptured_128_ms", without);
        result.put("capture_128_ms", with);
        result.put("capture_copy_128_ms", copies);
        result.put("capture_tensors", all.size());
        result.put("capture_bytes", bytes);
    }

    private static int[] ids(TorchEngine engine, int n) {
        Random random = new Random(1);
        return random.ints(n, 0, engine.spec().vocab()).toArray();
    }

    private static int argmax(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
        return best;
    }
}
