package org.llminspector.run.inspect.cost;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Part;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.TimingSummary;
import org.llminspector.run.models.Branches;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;

/** Measured times of a model's parts, in prefill and decode. Thread-safe. */
public final class Timelines {

    private static final int MOST_REPEATS = 64;
    /** A prompt is read up to 3 times while all readings stay within this many positions; at least once. */
    private static final int READ_POSITIONS = 1_536;

    /**
     * Measured time of a model's parts, for prefill and decode.
     *
     * @param engine in its hooked form
     * @param past positions in the cache before the first timed token
     * @param tokens greedy tokens that were read, one per pass
     * @param prefill {@code past} positions in one pass
     * @param decode one position per pass
     */
    public record Timeline(
            String model, EngineInfo engine, int past, List<Integer> tokens, Timed prefill, Timed decode) {}

    /**
     * Times of one kind of pass.
     *
     * @param positions per pass
     * @param hooked the pass in the hooked form, whose parts are timed one by one
     * @param fused the same pass in the fused form
     * @param parts in the order in which data flows
     */
    public record Timed(int positions, TimingSummary hooked, TimingSummary fused, List<TimedPart> parts) {}

    /** @param layer null outside the blocks */
    public record TimedPart(Part part, Integer layer, TimingSummary ms) {}

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Supplier<String> standardModel;

    public Timelines(
            OpenModels models, RunStore store, RunQueue queue, CaptureBudget budget, Supplier<String> standardModel) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
        this.standardModel = standardModel;
    }

    /**
     * Reads a prompt, then decodes greedily, and times each part.
     *
     * @param positions of the prompt: its tokens are repeated or cut to this length; null for its own length
     * @param repeats decoded tokens, one per pass; null for 16
     * @throws Problem as for a run; UNSUPPORTED for captures and changes, and on an engine that cannot time its parts
     */
    public Timeline timeline(RunRequest raw, Integer positions, Integer repeats) {
        PreparedRun run = prepared(raw);
        RunRequest r = run.request();
        if (!Engines.of(r.engine(), run.folder()).abilities().contains(EngineKind.Ability.PART_TIMES))
            throw Session.untimed();
        int n = repeats == null ? 16 : repeats;
        int context = run.folder().spec().maxContext();
        int past = positions == null ? Math.min(run.ids().length, context - n) : positions;
        if (n < 1 || n > MOST_REPEATS || past < 1 || past + n > context) {
            throw Problem.invalid("this many positions cannot be timed")
                    .where("positions, repeats")
                    .expected("repeats of 1 to " + MOST_REPEATS + ", positions of at least 1, together at most "
                            + context)
                    .found(past + " and " + n);
        }
        try (RunQueue.Place place = queue.enter("timeline", run.folder().slug());
                OpenModels.Lease lease =
                        models.lease(run.folder(), r.engine(), r.device(), r.plan(), place::cancelled)) {
            return place.call(() -> timeline(run, models.engine(run.folder(), r), filled(run.ids(), past), n));
        }
    }

    /** The checked run; captures and interventions are refused. */
    PreparedRun prepared(RunRequest raw) {
        RunRequest r = Branches.resolved(raw, store);
        boolean captures = r.capture() != null && !r.capture().isEmpty();
        boolean changes = r.interventions() != null && !r.interventions().isEmpty();
        if (captures || changes) {
            throw Problem.unsupported("what is timed is the model as it is")
                    .where(captures ? "capture" : "interventions")
                    .expected("none")
                    .instead("make a run of it: POST /api/v1/runs tells its times");
        }
        ModelFolder folder = models.folder(r.model() == null ? standardModel.get() : r.model());
        return PreparedRun.of(r, folder, budget, store);
    }

    /** The tokens, repeated or cut to {@code count}. */
    static int[] filled(int[] tokens, int count) {
        int[] filled = new int[count];
        for (int i = 0; i < count; i++) filled[i] = tokens[i % tokens.length];
        return filled;
    }

    private Timeline timeline(PreparedRun run, InspectorEngine engine, int[] prompt, int repeats) {
        int readings = Math.max(1, Math.min(3, READ_POSITIONS / prompt.length));
        List<Double> fastRead = new ArrayList<>();
        List<Double> fastSteps = new ArrayList<>();
        int[] next = new int[repeats];
        for (int i = 0; i <= readings; i++) { // the first one warms up
            queue.checkCancelled();
            try (Session session = engine.begin(SessionRequest.plain(prompt.length + repeats))) {
                long from = System.nanoTime();
                float[] logits = session.append(prompt.clone());
                if (i > 0) fastRead.add((System.nanoTime() - from) / 1e6);
                for (int t = 0; t < repeats; t++) {
                    next[t] = best(logits);
                    from = System.nanoTime();
                    logits = session.append(new int[] {next[t]});
                    if (i == readings) fastSteps.add((System.nanoTime() - from) / 1e6);
                }
            }
        }
        List<List<PartTime>> reads = new ArrayList<>();
        List<List<PartTime>> steps = new ArrayList<>();
        for (int i = 0; i <= readings; i++) {
            queue.checkCancelled();
            try (Session session = engine.begin(SessionRequest.plain(prompt.length + repeats))) {
                List<PartTime> read = session.timed(prompt.clone());
                if (i > 0) reads.add(read);
                for (int t = 0; t < repeats; t++) {
                    List<PartTime> step = session.timed(new int[] {next[t]});
                    if (i == readings) steps.add(step);
                }
            }
        }
        return new Timeline(
                run.folder().slug(),
                engine.info().withForm("hooked"),
                prompt.length,
                Arrays.stream(next).boxed().toList(),
                timed(prompt.length, reads, fastRead),
                timed(1, steps, fastSteps));
    }

    static int best(float[] logits) {
        int best = 0;
        for (int v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
        return best;
    }

    private record Place(Part part, Integer layer) {}

    private static Timed timed(int positions, List<List<PartTime>> passes, List<Double> fast) {
        Map<Place, List<Double>> places = new LinkedHashMap<>();
        List<Double> wholes = new ArrayList<>();
        for (List<PartTime> pass : passes) {
            wholes.add(pass.stream().mapToDouble(PartTime::ms).sum());
            for (PartTime t : pass) {
                places.computeIfAbsent(new Place(t.part(), t.layer()), p -> new ArrayList<>())
                        .add(t.ms());
            }
        }
        List<TimedPart> parts = new ArrayList<>();
        places.forEach((place, ms) -> parts.add(new TimedPart(place.part(), place.layer(), TimingSummary.of(ms))));
        return new Timed(positions, TimingSummary.of(wholes), TimingSummary.of(fast), parts);
    }
}
