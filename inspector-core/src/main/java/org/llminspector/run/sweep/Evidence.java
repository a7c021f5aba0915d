package org.llminspector.run.sweep;

import java.util.List;
import java.util.function.Predicate;
import org.llminspector.engine.Precision;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.tokenize.Token;

/**
 * What a corpus says of a run's model: of the newest finished sweep over the same weights, without interventions, that kept
 * what is asked. Nulls where there is none.
 */
public final class Evidence {

    /**
     * Where evidence is from.
     *
     * @param sweep its id
     * @param corpus as the sweep's request names it
     * @param engine name of the engine that read it
     * @param precision of its weights
     * @param tokens that count
     */
    public record From(
            String sweep, String corpus, String engine, Precision precision, int documents, long tokens, int window) {}

    /**
     * One neuron, head or expert over the corpus.
     *
     * @param from null, like {@code unit}, where no sweep kept the hook
     */
    public record OfUnit(From from, SweepResults.Unit unit) {}

    /** What the corpus costs the model: by position in the window, by layer. */
    public record OfLoss(From from, SweepResults.Loss loss, SweepResults.Lens lens) {}

    /** What each head does over the corpus. */
    public record OfHeads(From from, List<SweepResults.LayerHeads> layers) {}

    /** Tokens of an example before its value, and after it. */
    private static final int BEFORE = 20;

    private static final int AFTER = 8;

    private final SweepJobs sweeps;
    private final RunStore store;

    public Evidence(SweepJobs sweeps, RunStore store) {
        this.sweeps = sweeps;
        this.store = store;
    }

    /**
     * What a corpus says of a unit.
     *
     * @param hook such as {@code blocks.3.mlp.hook_post}
     */
    public OfUnit unit(String run, String hook, int unit) {
        SweepJob job = newest(run, j -> sweeps.results(j.id()).keeps(hook));
        return job == null ? new OfUnit(null, null) : new OfUnit(from(job), cut(sweeps.unit(job.id(), hook, unit)));
    }

    /** Of each example the tokens around its value; its position is in them. */
    private static SweepResults.Unit cut(SweepResults.Unit u) {
        return new SweepResults.Unit(
                u.hook(),
                u.unit(),
                u.count(),
                u.mean(),
                u.std(),
                u.min(),
                u.max(),
                u.firing(),
                u.histogram(),
                cut(u.high()),
                cut(u.low()));
    }

    private static List<SweepResults.Example> cut(List<SweepResults.Example> examples) {
        if (examples == null) return null;
        return examples.stream()
                .map(e -> {
                    int first = Math.max(0, e.position() - BEFORE);
                    int end = Math.min(e.tokens().size(), e.position() + AFTER + 1);
                    List<Token> around = List.copyOf(e.tokens().subList(first, end));
                    return new SweepResults.Example(e.value(), e.window(), e.position() - first, e.document(), around);
                })
                .toList();
    }

    /** What the corpus costs. */
    public OfLoss loss(String run) {
        SweepJob job = newest(run, j -> j.loss() != null);
        return job == null
                ? new OfLoss(null, null, null)
                : new OfLoss(from(job), job.loss(), sweeps.results(job.id()).lens());
    }

    /** What each head does. */
    public OfHeads heads(String run) {
        SweepJob job = newest(run, j -> j.results().contains("heads"));
        return job == null
                ? new OfHeads(null, null)
                : new OfHeads(from(job), sweeps.results(job.id()).heads());
    }

    private SweepJob newest(String run, Predicate<SweepJob> kept) {
        return newest(sweeps, store.manifest(run).model().weightsSha256(), kept);
    }

    /** The newest finished sweep over these weights, without interventions, that kept what is asked; or null. */
    static SweepJob newest(SweepJobs sweeps, String weights, Predicate<SweepJob> kept) {
        return sweeps.list().stream()
                .filter(j -> !j.results().isEmpty() && j.sweep() != null)
                .filter(j -> j.sweep().model().weightsSha256().equals(weights))
                .filter(j -> unchanged(j.request().a()))
                .filter(kept)
                .findFirst()
                .orElse(null);
    }

    /** Whether the model ran as it is: without interventions, and without a plan that gives modules other bits. */
    private static boolean unchanged(RunRequest a) {
        if (a == null) return true;
        return a.precisionPlan() == null
                && (a.interventions() == null || a.interventions().isEmpty());
    }

    private static From from(SweepJob job) {
        SweepManifest s = job.sweep();
        return new From(
                job.id(),
                job.request().corpus().path(),
                s.engine().name(),
                s.engine().precision(),
                s.documents(),
                s.tokens(),
                s.window());
    }
}
