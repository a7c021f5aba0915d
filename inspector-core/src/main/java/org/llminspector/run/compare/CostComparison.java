package org.llminspector.run.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Reads;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.TimingSummary;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.gpu.Gpus;
import org.llminspector.run.store.ComparisonManifest;

/** Repeated measurement of one side's cost: prefill and greedy decoding of the same tokens. */
final class CostComparison {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private final ComparisonSide side;
    private final int[] ids;
    private final int decodeTokens;
    private final List<Double> prefill = new ArrayList<>();
    private final List<Double> decode = new ArrayList<>();
    private final List<Double> first = new ArrayList<>();
    private final List<Double> between = new ArrayList<>();
    private final List<Double> joules = new ArrayList<>();
    private KvCacheReport kv;
    private String form;
    private Long peak;
    private Long device;

    /** @param ids the prompt; together with the decoded tokens it must fit the context */
    CostComparison(ComparisonSide side, int[] ids, int decodeTokens) {
        this.side = side;
        this.ids = ids;
        this.decodeTokens = decodeTokens;
    }

    /**
     * One prefill and one continuation.
     *
     * @param counted false for warm-up
     */
    void measure(boolean counted) {
        InspectorEngine engine = side.engine();
        resetPeak();
        Long energy = Gpus.now().millijoules(engine.info().device());
        try (Session session = engine.begin(SessionRequest.plain(ids.length + decodeTokens))) {
            long start = System.nanoTime();
            float[] logits = session.append(ids.clone());
            long read = System.nanoTime();
            int chosen = Vectors.argmax(logits);
            long firstTokenAt = System.nanoTime();
            kv = session.kvCache();
            form = session.form();
            long[] ends = new long[decodeTokens];
            long begin = System.nanoTime();
            for (int i = 0; i < decodeTokens; i++) {
                chosen = Vectors.argmax(session.append(new int[] {chosen}));
                ends[i] = System.nanoTime();
            }
            Gpus gpus = Gpus.now();
            Long spent = gpus.millijoules(engine.info().device());
            device = larger(device, gpus.taken(engine.info().device()));
            peak = larger(peak, peakBytes());
            if (!counted) return;
            prefill.add(ids.length / ((read - start) / 1e9));
            first.add((firstTokenAt - start) / 1e6);
            if (energy != null && spent != null) joules.add((spent - energy) / 1e3);
            if (decodeTokens == 0) return;
            decode.add(decodeTokens / ((ends[decodeTokens - 1] - begin) / 1e9));
            for (int i = 0; i < decodeTokens; i++) between.add((ends[i] - (i == 0 ? begin : ends[i - 1])) / 1e6);
        }
    }

    ComparisonManifest.AtLength atLength() {
        return new ComparisonManifest.AtLength(
                ids.length, speed(prefill), speed(decode), TimingSummary.of(first), waits(between));
    }

    ComparisonManifest.Cost cost(List<ComparisonManifest.AtLength> lengths) {
        EngineInfo info = side.engine().info();
        return new ComparisonManifest.Cost(
                form,
                info.loadMs(),
                ids.length,
                speed(prefill),
                speed(decode),
                TimingSummary.of(first),
                waits(between),
                lengths,
                joules.isEmpty() ? null : TimingSummary.of(joules).median(),
                info.weightBytes(),
                side.folder().checkpoint().bytes(),
                kv.dtype(),
                kv.layers().stream().map(bytes -> bytes / ids.length).toList(),
                peak,
                device);
    }

    private static ComparisonManifest.Speed speed(List<Double> runs) {
        if (runs.isEmpty()) return null;
        List<Double> sorted = runs.stream().sorted().toList();
        int n = sorted.size();
        double median = (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
        return new ComparisonManifest.Speed(median, sorted.get(0), sorted.get(n - 1), n);
    }

    /** Percentiles by nearest rank: the ceil(n p)-th of n sorted values. */
    static ComparisonManifest.Waits waits(List<Double> ms) {
        if (ms.isEmpty()) return null;
        double[] sorted = ms.stream().mapToDouble(d -> d).sorted().toArray();
        return new ComparisonManifest.Waits(
                ranked(sorted, 0.5), ranked(sorted, 0.95), ranked(sorted, 0.99), sorted.length);
    }

    private static double ranked(double[] sorted, double share) {
        return sorted[(int) Math.ceil(sorted.length * share) - 1];
    }

    private static Long larger(Long a, Long b) {
        return a == null ? b : b == null ? a : Long.valueOf(Math.max(a, b));
    }

    /** Linux: resets the high-water mark of resident memory; otherwise the mark covers the process's whole life. */
    private static void resetPeak() {
        try {
            if (Files.exists(CLEAR)) Files.writeString(CLEAR, "5");
        } catch (IOException e) {
            // Not permitted: the mark is an upper bound then.
        }
    }

    /** VmHWM, or null where the system does not report it. */
    private static Long peakBytes() {
        if (!Files.isReadable(STATUS)) return null;
        for (String line : Reads.lines(STATUS, Reads.SMALL)) {
            if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
        return null;
    }
}
