package org.llminspector.run.replay;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Version;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.tokenize.Token;

/**
 * Replay of a finished run's tokens through the model: the prompt in one pass, then token by token, as in the original
 * run. Runs on the queue's worker.
 */
public final class Replay {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);
    /** Most bytes of visited values captured in one pass. */
    private static final long VISITED_AT_ONCE = 1L << 30;

    private final RunManifest run;
    private final RecapturePlan plan;
    private final OpenModels models;
    private final RunStore store;
    private final CaptureBudget budget;
    private final Runnable cancellation;
    private final List<GeneratedToken> steps;
    private final Distance distance = new Distance();

    /** @param cancellation called before each token; throws where the work was cancelled */
    Replay(
            RunManifest run,
            RecapturePlan plan,
            OpenModels models,
            RunStore store,
            CaptureBudget budget,
            Runnable cancellation) {
        this.run = run;
        this.plan = plan;
        this.models = models;
        this.store = store;
        this.budget = budget;
        this.cancellation = cancellation;
        this.steps = run.generation() == null ? List.of() : run.generation().steps();
    }

    RunManifest extend() {
        ModelFolder folder = models.folder(run.model().slug());
        InspectorEngine engine = engine(folder);
        PreparedRun prepared = PreparedRun.of(replayRequest(), folder, new CaptureBudget(Long.MAX_VALUE), store);
        List<SortedSet<HookId>> readings =
                readings(folder, prepared.maxPositions(), budget.maxBytes(), plan.positions() != null);
        long from = System.nanoTime();
        SortedMap<HookId, Tensor> kept = new TreeMap<>();
        RunManifest extended = null;
        for (int i = 0; i < readings.size(); i++) {
            boolean compares = i == 0;
            SortedSet<HookId> hooks = new TreeSet<>(readings.get(i));
            if (compares && hadLogits()) hooks.add(LOGITS);
            try (Capture clean = prepared.clean(engine, prepared.ids());
                    Session session = engine.begin(session(prepared, hooks, clean))) {
                read(session, prepared.ids(), compares && !hadLogits());
                EngineInfo info = engine.info().withForm(session.form());
                try (Capture capture = session.capture()) {
                    if (compares && hadLogits()) compare(capture.get(LOGITS));
                    for (HookId hook : readings.get(i)) kept.put(hook, positions(hook, capture.get(hook)));
                    // Captures live in the session's memory: they are written before it closes.
                    if (i == readings.size() - 1) extended = store.extend(run.id(), recapture(info, from), kept);
                }
            }
        }
        return extended;
    }

    /**
     * Passes every value to a visitor and stores none: streamed in one pass where the engine supports it, else in as
     * many replays as the memory limit requires.
     */
    void visit(BiConsumer<HookId, Tensor> visitor) {
        ModelFolder folder = models.folder(run.model().slug());
        InspectorEngine engine = engine(folder);
        PreparedRun prepared = PreparedRun.of(replayRequest(), folder, new CaptureBudget(Long.MAX_VALUE), store);
        if (prepared.interventions().isEmpty() || steps.isEmpty()) {
            try (Capture clean = prepared.clean(engine, prepared.ids());
                    Session session = engine.begin(session(prepared, new TreeSet<>(), clean))) {
                if (session.visit(read(prepared.ids()), new TreeSet<>(plan.hooks()), visitor)) return;
            }
        }
        long most = Math.min(budget.maxBytes(), VISITED_AT_ONCE);
        for (SortedSet<HookId> hooks : readings(folder, prepared.maxPositions(), most, true)) {
            try (Capture clean = prepared.clean(engine, prepared.ids());
                    Session session = engine.begin(session(prepared, hooks, clean))) {
                read(session, prepared.ids(), false);
                try (Capture capture = session.capture()) {
                    for (HookId hook : hooks) visitor.accept(hook, capture.get(hook));
                }
            }
        }
    }

    private InspectorEngine engine(ModelFolder folder) {
        sameWeights(folder);
        return models.engine(
                folder,
                run.engine().name(),
                run.engine().device(),
                run.request().plan());
    }

    private SessionRequest session(PreparedRun prepared, SortedSet<HookId> hooks, Capture clean) {
        return new SessionRequest(
                prepared.maxPositions(),
                hooks,
                prepared.interventions(),
                prepared.sources(clean),
                run.engine().form().equals("hooked"));
    }

    /** The run's request with its prompt's ids; intervention positions keep their meaning. */
    private RunRequest replayRequest() {
        List<Integer> prompt =
                run.tokens().stream().limit(run.promptLength()).map(Token::id).toList();
        return run.request().withShared(run.model().slug(), null, prompt).toBuilder()
                .engine(run.engine().name())
                .device(run.engine().device())
                .capture(plan.hooks().stream().map(HookId::name).toList())
                .build();
    }

    private void sameWeights(ModelFolder folder) {
        if (folder.sha256().equals(run.model().weightsSha256())) return;
        throw Problem.of(Problem.Kind.CONFLICT, "the model's weights are no longer those that made the run")
                .where("run " + run.id() + ", model " + run.model().slug())
                .expected("SHA-256 " + run.model().weightsSha256())
                .found(folder.sha256())
                .instead("run its request again: that is another run");
    }

    /** All tokens that were read; the last generated one was never fed back. */
    private int[] read(int[] prompt) {
        IntStream then = steps.stream().limit(Math.max(0, steps.size() - 1)).mapToInt(s -> s.token()
                .id());
        return IntStream.concat(IntStream.of(prompt), then).toArray();
    }

    /** Reads the prompt, and the generated tokens up to {@link #stop}. */
    private void read(Session session, int[] prompt, boolean compares) {
        int stop = stop();
        float[] logits = session.append(prompt.clone());
        for (int i = 0; i < steps.size(); i++) {
            if (compares) compare(logits, steps.get(i));
            // The last token was never fed back.
            if (i + 1 == steps.size() || prompt.length + i >= stop) return;
            cancellation.run();
            logits = session.append(new int[] {steps.get(i).token().id()});
        }
    }

    /**
     * First position that need not be read: values do not depend on later positions, but axes over keys span them all.
     */
    private int stop() {
        boolean overKeys = plan.hooks().stream().anyMatch(h -> h.point().axisIndex(Axis.KEY) >= 0);
        return overKeys || plan.positions() == null
                ? run.positions()
                : plan.positions().stop();
    }

    private boolean hadLogits() {
        return run.captures().stream().anyMatch(c -> c.hook().equals(LOGITS) && c.positions() == null);
    }

    private void compare(Tensor logits) {
        float[] before = store.capture(run.id(), LOGITS).toFloats();
        float[] now = logits.toFloats(); // of the positions that were read
        for (int i = 0; i < now.length; i++) distance.add(before[i], now[i]);
    }

    private void compare(float[] logits, GeneratedToken step) {
        for (GeneratedToken.Alternative a : step.alternatives()) distance.add((float) a.logit(), logits[a.id()]);
    }

    private Tensor positions(HookId hook, Tensor all) {
        if (plan.positions() == null) return all;
        long[] shape = all.shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) ranges[a] = new int[] {0, Math.toIntExact(shape[a])};
        ranges[hook.point().positionAxis()] =
                new int[] {plan.positions().start(), plan.positions().stop()};
        return all.slice(ranges);
    }

    private RunManifest.Recapture recapture(EngineInfo engine, long from) {
        return new RunManifest.Recapture(
                0, // the store numbers it
                Instant.now().truncatedTo(ChronoUnit.MILLIS).toString(),
                Version.STRING,
                plan.hooks(),
                plan.positions(),
                engine,
                (System.nanoTime() - from) / 1e6,
                distance.agreement(hadLogits() ? "logits" : "alternatives"));
    }

    /** Largest logit difference between the original run and the replay. */
    private static final class Distance {
        private long values;
        private boolean same = true;
        private double most;

        void add(float before, float now) {
            values++;
            if (Float.floatToRawIntBits(before) == Float.floatToRawIntBits(now)) return;
            same = false;
            // Equal infinities count as no difference.
            if (before != now) most = Math.max(most, Math.abs((double) before - now));
        }

        RunManifest.Agreement agreement(String of) {
            return values == 0 ? null : new RunManifest.Agreement(of, values, same, most);
        }
    }

    /** Hooks of one replay, or grouped into several by the memory limit. */
    private List<SortedSet<HookId>> readings(ModelFolder folder, int positions, long maxBytes, boolean several) {
        List<SortedSet<HookId>> readings = new ArrayList<>();
        long bytes = 0;
        for (HookId hook : plan.hooks()) {
            long size = CaptureBudget.bytes(folder.spec(), List.of(hook), positions);
            boolean full = several && bytes + size > maxBytes;
            if (readings.isEmpty() || full) {
                readings.add(new TreeSet<>());
                bytes = 0;
            }
            readings.get(readings.size() - 1).add(hook);
            bytes += size;
        }
        return readings;
    }
}
