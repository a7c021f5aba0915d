package org.llminspector.run.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.gpu.Gpus;
import org.llminspector.run.store.ComparisonManifest;

/** TwinCost measures what one side costs: the same tokens read and continued greedily, again and again. */
final class TwinCost {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private final TwinSide side;
    private final int[] ids;
    private final int decodeTokens;
    private final List<Double> prefill = new ArrayList<>();
    private final List<Double> decode = new ArrayList<>();
    private KvCacheReport kv;
    private String form;
    private Long peak;
    private Long device;

    /** @param ids what is read; with what is made it must fit the context */
    TwinCost(TwinSide side, int[] ids, int decodeTokens) {
        this.side = side;
        this.ids = ids;
        this.decodeTokens = decodeTokens;
    }

    /** One reading and one continuation. @param counted false to warm up */
    void measure(boolean counted) {
        InspectorEngine engine = side.engine();
        resetPeak();
        try (Session session = engine.begin(SessionRequest.plain(ids.length + decodeTokens))) {
            long start = System.nanoTime();
            float[] logits = session.append(ids.clone());
            long read = System.nanoTime();
            kv = session.kvCache();
            form = session.form();
            for (int i = 0; i < decodeTokens; i++) logits = session.append(new int[] {best(logits)});
            long end = System.nanoTime();
            device = larger(device, Gpus.now().taken(engine.info().device()));
            peak = larger(peak, peakBytes());
            if (!counted) return;
            prefill.add(ids.length / ((read - start) / 1e9));
            if (decodeTokens > 0) decode.add(decodeTokens / ((end - read) / 1e9));
        }
    }

    ComparisonManifest.Cost cost() {
        EngineInfo info = side.engine().info();
        return new ComparisonManifest.Cost(
                form,
                info.loadMs(),
                ids.length,
                speed(prefill),
                speed(decode),
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

    private static int best(float[] logits) {
        int best = 0;
        for (int v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
        return best;
    }

    private static Long larger(Long a, Long b) {
        return a == null ? b : b == null ? a : Long.valueOf(Math.max(a, b));
    }

    /** Linux: lets the high-water mark of physical memory begin anew; without it the mark is of the process' whole life. */
    private static void resetPeak() {
        try {
            if (Files.exists(CLEAR)) Files.writeString(CLEAR, "5");
        } catch (IOException e) {
            // Not allowed here: the mark is an upper bound then.
        }
    }

    /** VmHWM, or null where there is no such thing. */
    private static Long peakBytes() {
        if (!Files.isReadable(STATUS)) return null;
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmHWM:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        } catch (IOException e) {
            // Said by null.
        }
        return null;
    }
}
