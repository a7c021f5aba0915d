package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.engine.TimingSummary;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.ComparisonManifest.Cost;

/** A comparison's costs as rows of text: speed, waits, energy, memory of A and B. */
public final class CostText {

    private CostText() {}

    /** Rows of name, A, B, B / A. */
    public static List<String[]> rows(ComparisonManifest m) {
        Cost a = m.a().cost();
        Cost b = m.b().cost();
        List<String[]> rows = new ArrayList<>();
        if (a == null || b == null) return rows;
        rows.add(new String[] {"Form of the engine", a.form(), b.form(), ""});
        String read = "Prefill, " + Plural.of(a.prefillTokens(), "token") + " (tokens/s)";
        cost(rows, read, speed(a.prefill()), speed(b.prefill()), median(a.prefill()), median(b.prefill()));
        cost(rows, "Decode (tokens/s)", speed(a.decode()), speed(b.decode()), median(a.decode()), median(b.decode()));
        cost(
                rows,
                "First token, of the same prompt",
                spread(a.firstToken()),
                spread(b.firstToken()),
                middle(a.firstToken()),
                middle(b.firstToken()));
        waits(rows, "Wait for a token, p50 / p95 / p99", a.between(), b.between());
        for (int i = 0; a.lengths() != null && i < a.lengths().size(); i++) {
            ComparisonManifest.AtLength x = a.lengths().get(i);
            ComparisonManifest.AtLength y = b.lengths().get(i);
            String after = "After " + Plural.of(x.tokens(), "token") + ": ";
            cost(
                    rows,
                    after + "prefill (tokens/s)",
                    speed(x.prefill()),
                    speed(y.prefill()),
                    median(x.prefill()),
                    median(y.prefill()));
            cost(
                    rows,
                    after + "decode (tokens/s)",
                    speed(x.decode()),
                    speed(y.decode()),
                    median(x.decode()),
                    median(y.decode()));
            cost(
                    rows,
                    after + "first token",
                    spread(x.firstToken()),
                    spread(y.firstToken()),
                    middle(x.firstToken()),
                    middle(y.firstToken()));
            waits(rows, after + "wait, p50 / p95 / p99", x.between(), y.between());
        }
        if (a.joules() != null && b.joules() != null) {
            cost(
                    rows,
                    "Energy of a run, the whole GPU",
                    joules(a.joules()),
                    joules(b.joules()),
                    a.joules(),
                    b.joules());
        }
        cost(rows, "Load time", ms(a.loadMs()), ms(b.loadMs()), a.loadMs(), b.loadMs());
        bytes(rows, "Weights in memory", a.weightBytes(), b.weightBytes());
        bytes(rows, "Weights on disk", a.fileBytes(), b.fileBytes());
        long kvA = a.kvBytesPerToken().stream().mapToLong(Long::longValue).sum();
        long kvB = b.kvBytesPerToken().stream().mapToLong(Long::longValue).sum();
        bytes(rows, "KV cache per token, all layers", kvA, kvB);
        bytes(
                rows,
                "KV cache per token, layer 0",
                a.kvBytesPerToken().get(0),
                b.kvBytesPerToken().get(0));
        bytes(rows, "Peak of the whole process", a.peakProcessBytes(), b.peakProcessBytes());
        bytes(rows, "GPU memory taken, by everything on it", a.deviceBytes(), b.deviceBytes());
        return rows;
    }

    /** Adds a row of bytes, unless neither side has the value. */
    private static void bytes(List<String[]> rows, String name, Long a, Long b) {
        if (a == null && b == null) return;
        cost(rows, name, bytes(a), bytes(b), a == null ? 0 : a.doubleValue(), b == null ? 0 : b.doubleValue());
    }

    private static String bytes(Long bytes) {
        return bytes == null ? "" : ByteCount.of(bytes);
    }

    private static void cost(List<String[]> rows, String name, String a, String b, double x, double y) {
        rows.add(new String[] {name, a, b, x > 0 && y > 0 ? String.format(Locale.ROOT, "%.2f", y / x) : ""});
    }

    private static double median(ComparisonManifest.Speed s) {
        return s == null ? 0 : s.median();
    }

    private static String speed(ComparisonManifest.Speed s) {
        if (s == null) return "";
        return String.format(Locale.ROOT, "%.1f (%.1f to %.1f)", s.median(), s.slowest(), s.fastest());
    }

    private static double middle(TimingSummary s) {
        return s == null ? 0 : s.median();
    }

    private static String spread(TimingSummary s) {
        if (s == null) return "";
        return String.format(Locale.ROOT, "%.1f ms (%.1f to %.1f)", s.median(), s.min(), s.max());
    }

    private static void waits(
            List<String[]> rows, String name, ComparisonManifest.Waits a, ComparisonManifest.Waits b) {
        if (a == null || b == null) return;
        cost(rows, name, waits(a), waits(b), a.p50(), b.p50());
    }

    private static String waits(ComparisonManifest.Waits w) {
        return String.format(Locale.ROOT, "%.1f / %.1f / %.1f ms", w.p50(), w.p95(), w.p99());
    }

    private static String joules(double joules) {
        return String.format(Locale.ROOT, "%.2f J", joules);
    }

    private static String ms(double ms) {
        return String.format(Locale.ROOT, "%.0f ms", ms);
    }
}
