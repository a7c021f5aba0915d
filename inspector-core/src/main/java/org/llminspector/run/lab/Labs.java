package org.llminspector.run.lab;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.AnalysisStore;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Analyses: run, stored, listed. Thread-safe. */
public final class Labs implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Labs.class);

    /** Most analyses that are kept; the oldest go. */
    private static final int KEPT = 500;

    /** One row of the list; of a kind with one run without corrupt and metric. */
    public record Summary(
            String id,
            String created,
            AnalysisRequest.Kind kind,
            String name,
            String model,
            String clean,
            String corrupt,
            Analysis.Metric metric) {}

    private final OpenModels models;
    private final RunQueue queue;
    private final AnalysisStore store;
    private final Supplier<String> defaultModel;

    public Labs(OpenModels models, RunQueue queue, AnalysisStore store, Supplier<String> defaultModel) {
        this.models = models;
        this.queue = queue;
        this.store = store;
        this.defaultModel = defaultModel;
    }

    /**
     * Runs an analysis on the queue's worker, to the end, and stores it. Blocks; the listener gets progress.
     *
     * @throws Problem for a request that the models cannot answer, with the field that is in the way
     */
    public Analysis analyse(AnalysisRequest request, LabListener listener) {
        if (request.kind() == null) {
            throw Problem.invalid("the kind of analysis is missing")
                    .where("kind")
                    .expected("patch, attribution, path, edges, restore, qk, lens, probe or interchange");
        }
        if (!request.kind().paired()) return fit(request, listener);
        RunRequest first = checked(request.clean(), "clean");
        RunRequest second = checked(inherited(request.corrupt(), first), "corrupt");
        Side clean = side(first);
        Side corrupt = side(second);
        if (clean.length() != corrupt.length()) {
            throw Problem.invalid("the two prompts have different lengths: their tokens have to stand for one another")
                    .where("corrupt")
                    .expected(clean.length() + " tokens, as clean has")
                    .found(corrupt.length())
                    .instead("take names of as many tokens; `inspector tokenize` shows them");
        }
        return work(clean.folder().slug(), listener, (place, steps, cancelled) -> {
            try (OpenModels.Lease a = clean.lease(steps, cancelled);
                    OpenModels.Lease b = corrupt.lease(steps, cancelled)) {
                return place.call(() -> {
                    long from = System.nanoTime();
                    Lab lab = new Lab(request, clean, corrupt, steps);
                    Found found = found(lab);
                    return answer(place.id(), request, run(lab, clean), run(lab, corrupt), lab.metric(), found, from);
                });
            }
        });
    }

    /** A kind with one run, or with many prompts of one model. */
    private Analysis fit(AnalysisRequest request, LabListener listener) {
        if (request.corrupt() != null)
            throw Problem.invalid("this kind has one run").where("corrupt").expected("none");
        if (request.metric() != null)
            throw Problem.invalid("this kind has no metric").where("metric").expected("none");
        RunRequest asked = request.clean() == null ? RunRequest.builder().build() : request.clean();
        boolean reads = request.kind() == AnalysisRequest.Kind.QK || request.kind() == AnalysisRequest.Kind.LENS;
        AnalysisRequest.Example one = reads ? null : Fits.examples(request).get(0);
        if (one != null)
            asked = asked.toBuilder()
                    .prompt(one.prompt())
                    .tokens(one.tokens())
                    .messages(null)
                    .build();
        RunRequest first = checked(asked, "clean");
        Side run = side(first);
        Steps[] progress = {(phase, done, total) -> {}};
        Fits fits = new Fits(request, run, (phase, done, total) -> progress[0].at(phase, done, total));
        return work(run.folder().slug(), listener, (place, steps, cancelled) -> {
            progress[0] = steps;
            try (OpenModels.Lease lease = run.lease(steps, cancelled)) {
                return place.call(() -> {
                    long from = System.nanoTime();
                    Found found = fits.found();
                    List<Token> tokens = reads ? run.prompt().tokens() : List.of();
                    Analysis.Run only =
                            new Analysis.Run(run.folder().slug(), run.engine().info(), tokens, null);
                    return answer(place.id(), request, only, null, null, found, from);
                });
            }
        });
    }

    /** Work on the queue, whose place has the analysis's id. */
    private interface Work {
        Analysis run(RunQueue.Place place, Steps steps, BooleanSupplier cancelled);
    }

    private Analysis work(String model, LabListener listener, Work work) {
        try (RunQueue.Place place = queue.enter(store::newId, "analysis", model)) {
            listener.queued(place.id(), place.ahead());
            BooleanSupplier cancelled = () -> listener.cancelled() || place.cancelled();
            Steps steps = (phase, done, total) -> {
                if (cancelled.getAsBoolean()) throw Side.cancelled();
                listener.progress(new LabListener.Progress(phase, done, total));
            };
            Analysis done = work.run(place, steps, cancelled);
            store.save(done.id(), done);
            keepNewest();
            return done;
        }
    }

    private static Found found(Lab lab) {
        return switch (lab.request().kind()) {
            case PATCH -> Patching.run(lab);
            case ATTRIBUTION -> Attribution.run(lab);
            case PATH -> PathPatching.run(lab);
            case EDGES -> Edges.run(lab);
            case RESTORE -> Restoring.run(lab);
            default -> throw new IllegalStateException(lab.request().kind() + " has one run");
        };
    }

    private static Analysis answer(
            String id,
            AnalysisRequest request,
            Analysis.Run clean,
            Analysis.Run corrupt,
            Analysis.Metric metric,
            Found found,
            long from) {
        return new Analysis(
                id,
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                request,
                clean,
                corrupt,
                metric,
                found.convention(),
                found.scores(),
                found.rows(),
                found.paths(),
                found.measured(),
                found.correlation(),
                found.graph(),
                found.restored(),
                found.score(),
                found.lens(),
                found.probes(),
                found.subspace(),
                found.invariants(),
                (System.nanoTime() - from) / 1e9);
    }

    private static Analysis.Run run(Lab lab, Side side) {
        return new Analysis.Run(
                side.folder().slug(),
                side.engine().info(),
                side.prompt().tokens(),
                side.folder().token(lab.top(side)));
    }

    private Side side(RunRequest r) {
        ModelFolder folder = models.folder(r.model() == null ? defaultModel.get() : r.model());
        folder.capabilities().interventionRefusal().ifPresent(why -> {
            throw why;
        });
        folder.capabilities().lensRefusal().ifPresent(why -> {
            throw why;
        });
        if (!folder.capabilities().has(StreamHooks.end(folder.spec())))
            throw folder.capabilities().refusal(StreamHooks.end(folder.spec()));
        return new Side(models, folder, r);
    }

    private static RunRequest checked(RunRequest r, String where) {
        if (r == null) throw Problem.invalid("a run is missing").where(where).expected("a prompt, tokens or messages");
        if (r.interventions() == null || r.interventions().isEmpty()) return r;
        throw Problem.unsupported("an analysis changes its runs itself")
                .where(where + ".interventions")
                .expected("none")
                .found(r.interventions().size())
                .instead("name the places with points and cells");
    }

    /** The corrupt run's request with what it leaves out taken from the clean one. */
    private static RunRequest inherited(RunRequest corrupt, RunRequest clean) {
        RunRequest r = corrupt == null ? RunRequest.builder().build() : corrupt;
        boolean model = r.model() == null;
        boolean precision = model && r.precision() == null && r.precisionPlan() == null;
        RunRequestBuilder b = r.toBuilder()
                .model(model ? clean.model() : r.model())
                .engine(r.engine() == null ? clean.engine() : r.engine())
                .device(r.device() == null ? clean.device() : r.device())
                .precision(precision ? clean.precision() : r.precision())
                .precisionPlan(precision ? clean.precisionPlan() : r.precisionPlan())
                .addSpecialTokens(r.addSpecialTokens() == null ? clean.addSpecialTokens() : r.addSpecialTokens());
        if (r.reads()) return b.build();
        return b.prompt(clean.prompt())
                .tokens(clean.tokens())
                .messages(clean.messages())
                .build();
    }

    /** Newest first, older than {@code before} (an id) when given. */
    public List<Summary> list(int limit, String before) {
        List<Summary> all = new ArrayList<>();
        for (String id : store.ids()) {
            if (all.size() >= limit) break;
            if (before != null && id.compareTo(before) >= 0) continue;
            try {
                all.add(summary(get(id)));
            } catch (Problem p) {
                LOG.warn("An analysis is left out of the list: {}", p.getMessage());
            }
        }
        return all;
    }

    private static Summary summary(Analysis a) {
        return new Summary(
                a.id(),
                a.created(),
                a.request().kind(),
                a.request().name(),
                a.clean().model(),
                text(a.clean()),
                a.corrupt() == null ? null : text(a.corrupt()),
                a.metric());
    }

    private static String text(Analysis.Run run) {
        StringBuilder text = new StringBuilder();
        run.tokens().stream().limit(100).forEach(t -> text.append(t.text()));
        return text.toString();
    }

    public Analysis get(String id) {
        return store.read(id, Analysis.class);
    }

    public void delete(String id) {
        store.delete(id);
    }

    private void keepNewest() {
        List<String> ids = store.ids();
        for (int i = KEPT; i < ids.size(); i++) {
            try {
                store.delete(ids.get(i));
            } catch (Problem p) {
                LOG.warn("An old analysis cannot be deleted: {}", p.getMessage());
            }
        }
    }

    @Override
    public void close() {
        store.close();
    }
}
