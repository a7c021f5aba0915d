package org.llminspector.run.inspect.cost;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.TimingSummary;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.RunQueue;

/**
 * Prefill and decode times of a model at several prompt lengths, with and without the KV cache. Nothing is stored.
 * Thread-safe.
 */
public final class Benchmarks {

    private static final int MOST_CONTEXTS = 12;
    private static final int MOST_TOKENS = 64;
    /** Most positions of one benchmark, over all its passes. */
    private static final long MOST_POSITIONS = 1 << 20;
    /** Most new tokens that are timed without the cache; fewer for long contexts ({@link #AGAIN_POSITIONS}). */
    private static final int AGAIN = 3;

    private static final int AGAIN_POSITIONS = 3_072;

    /** Progress callbacks of a benchmark, called on its thread. */
    public interface Listener {
        Listener NONE = new Listener() {};

        /** Queued behind {@code ahead} other pieces of work; {@code id} cancels it from now on. */
        default void queued(String id, int ahead) {}

        /** The model is being opened. */
        default void opening(Opening.Progress progress) {}

        /** One more length is measured; {@code done} of {@code total}. */
        default void measured(Point point, int done, int total) {}

        /** Asked between passes; true ends the benchmark. */
        default boolean cancelled() {
            return false;
        }
    }

    /**
     * Result of a benchmark.
     *
     * @param engine in the form that ran
     * @param newTokens generated after each prompt, one per pass
     */
    public record Benchmark(String id, String model, EngineInfo engine, int newTokens, List<Point> points) {}

    /**
     * Timings at one prompt length.
     *
     * @param positions of the prompt
     * @param prefillMs the prompt in one pass
     * @param decode one more token with the KV cache
     * @param withoutCache the same tokens, the whole sequence recomputed for each; null when not asked for
     * @param sameTokens whether the greedy tokens are the same with and without the cache; null as above
     * @param maxDifference largest absolute logit difference between the two; null as above
     * @param kvCache after the last token
     */
    public record Point(
            int positions,
            double prefillMs,
            double prefillTokensPerSecond,
            TimingSummary decode,
            TimingSummary withoutCache,
            Boolean sameTokens,
            Double maxDifference,
            KvCacheReport kvCache) {}

    private final OpenModels models;
    private final RunQueue queue;
    private final Timelines timelines;

    public Benchmarks(OpenModels models, RunQueue queue, Timelines timelines) {
        this.models = models;
        this.queue = queue;
        this.timelines = timelines;
    }

    /**
     * Runs the benchmark. Blocks; other work may run between two lengths.
     *
     * @param raw the request's tokens are repeated, or cut, to each length
     * @param contexts lengths of the prompt; null for powers of 4 from 16 to half of the model's context
     * @param newTokens after each; null for 8
     * @param withoutCache whether the same tokens are also generated without the cache; null for yes
     * @throws Problem as for a run; UNSUPPORTED for captures and changes; CONFLICT when it was cancelled
     */
    public Benchmark run(
            RunRequest raw, List<Integer> contexts, Integer newTokens, Boolean withoutCache, Listener listener) {
        PreparedRun run = timelines.prepared(raw);
        int n = newTokens == null ? 8 : newTokens;
        boolean again = withoutCache == null || withoutCache;
        int context = run.folder().spec().maxContext();
        List<Integer> lengths = lengths(contexts, n, again, context);
        try (RunQueue.Place place = queue.enter("benchmark", run.folder().slug())) {
            listener.queued(place.id(), place.ahead());
            return run(place, run, lengths, n, again, listener);
        }
    }

    private Benchmark run(
            RunQueue.Place place, PreparedRun run, List<Integer> lengths, int n, boolean again, Listener listener) {
        BooleanSupplier ends = () -> listener.cancelled() || place.cancelled();
        String id = place.id();
        RunRequest r = run.request();
        List<Point> points = new ArrayList<>();
        EngineInfo[] info = new EngineInfo[1];
        for (int length : lengths) {
            // A lease per length: between two lengths the model may have been evicted.
            try (OpenModels.Lease lease =
                    models.lease(run.folder(), r.engine(), r.device(), r.plan(), listener::opening, ends)) {
                points.add(place.call(() -> {
                    InspectorEngine engine = models.engine(run.folder(), r);
                    Measure measure = new Measure(engine, Timelines.filled(run.ids(), length), n, again, ends, id);
                    if (info[0] == null) measure.warmUp();
                    Point point = measure.point();
                    info[0] = engine.info().withForm(measure.form);
                    return point;
                }));
            }
            listener.measured(points.get(points.size() - 1), points.size(), lengths.size());
        }
        return new Benchmark(id, run.folder().slug(), info[0], n, points);
    }

    private static List<Integer> lengths(List<Integer> contexts, int n, boolean again, int context) {
        TreeSet<Integer> lengths = new TreeSet<>();
        if (contexts == null) {
            for (int c = 16; c <= Math.min(context / 2, 1_024); c *= 4) lengths.add(c);
            lengths.add(Math.max(1, Math.min(context / 2, 1_024)));
        } else {
            contexts.forEach(c -> lengths.add(c == null ? 0 : c));
        }
        boolean fits = !lengths.isEmpty()
                && lengths.size() <= MOST_CONTEXTS
                && lengths.first() >= 1
                && n >= 1
                && n <= MOST_TOKENS
                && (long) lengths.last() + n <= context;
        long positions = lengths.stream()
                .mapToLong(c -> (long) (c + n) * (1 + (again ? again(c, n) : 0)))
                .sum();
        if (fits && positions <= MOST_POSITIONS) return List.copyOf(lengths);
        throw Problem.invalid("so much is not measured at once")
                .where("contexts, new_tokens")
                .expected("1 to " + MOST_CONTEXTS + " lengths of at least 1, 1 to " + MOST_TOKENS
                        + " new tokens, together at most " + context + "; at most " + MOST_POSITIONS
                        + " positions in all passes")
                .found(lengths + ", " + n + "; " + positions + " positions");
    }

    private static int again(int context, int n) {
        return Math.max(1, Math.min(Math.min(AGAIN, n), AGAIN_POSITIONS / (context + n)));
    }

    /** One length, measured on an open engine. */
    private static final class Measure {
        private final InspectorEngine engine;
        private final int[] prompt;
        private final int newTokens;
        private final boolean again;
        private final BooleanSupplier ends;
        private final String id;
        private String form;

        Measure(InspectorEngine engine, int[] prompt, int newTokens, boolean again, BooleanSupplier ends, String id) {
            this.engine = engine;
            this.prompt = prompt;
            this.newTokens = newTokens;
            this.again = again;
            this.ends = ends;
            this.id = id;
        }

        private void check() {
            if (!ends.getAsBoolean()) return;
            throw Problem.of(Problem.Kind.CANCELLED, "the benchmark was cancelled")
                    .where("benchmark " + id)
                    .found("what it had measured was told as it came");
        }

        private Session begin() {
            return engine.begin(SessionRequest.plain(prompt.length + newTokens));
        }

        void warmUp() {
            check();
            try (Session session = begin()) {
                float[] logits = session.append(prompt.clone());
                for (int i = 0; i < Math.min(2, newTokens); i++) {
                    check();
                    logits = session.append(new int[] {Timelines.best(logits)});
                }
            }
        }

        Point point() {
            int[] ids = Arrays.copyOf(prompt, prompt.length + newTokens);
            List<float[]> cached = new ArrayList<>(); // the logits after each new token
            List<Double> decode = new ArrayList<>();
            double prefill;
            KvCacheReport kv;
            check();
            try (Session session = begin()) {
                long from = System.nanoTime();
                float[] logits = session.append(prompt.clone());
                prefill = (System.nanoTime() - from) / 1e6;
                for (int i = 0; i < newTokens; i++) {
                    check();
                    ids[prompt.length + i] = Timelines.best(logits);
                    from = System.nanoTime();
                    logits = session.append(new int[] {ids[prompt.length + i]});
                    decode.add((System.nanoTime() - from) / 1e6);
                    cached.add(logits);
                }
                kv = session.kvCache();
                form = session.form();
            }
            List<Double> whole = new ArrayList<>();
            boolean same = true;
            double difference = 0;
            for (int i = 0; again && i < again(prompt.length, newTokens); i++) {
                check();
                try (Session session = begin()) {
                    int[] all = Arrays.copyOf(ids, prompt.length + i + 1);
                    long from = System.nanoTime();
                    float[] logits = session.append(all);
                    whole.add((System.nanoTime() - from) / 1e6);
                    same &= Timelines.best(logits) == Timelines.best(cached.get(i));
                    for (int v = 0; v < logits.length; v++) {
                        difference = Math.max(difference, Math.abs(logits[v] - cached.get(i)[v]));
                    }
                }
            }
            return new Point(
                    prompt.length,
                    prefill,
                    prompt.length / prefill * 1e3,
                    TimingSummary.of(decode),
                    again ? TimingSummary.of(whole) : null,
                    again ? same : null,
                    again ? difference : null,
                    kv);
        }
    }
}
