package org.llminspector.run.compare;

import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.ComparisonFolder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.run.work.RunQueue;

/** The part of a comparison that is over a corpus: a sweep of both sides, a shard at a time, between other work. */
final class CorpusComparison {

    private final Sweeps sweeps;
    private final ComparisonRequest request;
    private final SweepRequest sweep;

    /** @throws Problem where the models, the corpus or the changes are none that a sweep can have */
    CorpusComparison(Sweeps sweeps, ComparisonRequest request, UnaryOperator<SweepRequest.Texts> located) {
        this.sweeps = sweeps;
        this.request = request;
        Integer window = request.options() == null ? null : request.options().window();
        this.sweep = new SweepRequest(
                side(request.a(), "a"),
                side(request.b(), "b"),
                located.apply(request.corpus()),
                window,
                List.of(),
                null,
                null,
                request.name());
        sweeps.check(sweep);
    }

    /** A side without what it reads: that is the corpus. */
    private static RunRequest side(RunRequest r, String name) {
        if (r != null)
            return r.toBuilder().prompt(null).messages(null).tokens(null).build();
        throw Problem.invalid("a field is missing").where(name).expected("a run's request, {} for all defaults");
    }

    /** The comparison's request; without a prompt or a text both sides read the corpus's first window as their prompt. */
    ComparisonRequest withPrompt() {
        if (request.a().reads() || request.text() != null || request.textTokens() != null) return request;
        List<Integer> first = IntStream.of(sweeps.firstWindow(sweep)).boxed().toList();
        if (first.isEmpty()) return request;
        RunRequest a = request.a().toBuilder().tokens(first).build();
        return new ComparisonRequest(
                a, request.b(), null, null, request.corpus(), request.options(), request.sensitivity(), request.name());
    }

    ComparisonManifest.CorpusPart run(ComparisonFolder folder, RunQueue.Place place, ComparisonListener listener) {
        Progress progress = new Progress(place, listener);
        SweepManifest m;
        try {
            m = sweeps.run(sweep, folder.corpus(), Sweeps.Share.ALL, Sweeps.MOST_BYTES, progress, place)
                    .manifest();
        } catch (Problem p) {
            throw progress.cancelled() ? ComparisonExecution.cancelled() : p;
        }
        SweepFolder results = new SweepFolder(folder.corpus());
        CorpusDivergence divergence = new SweepResults(results).divergence();
        if (divergence.meanKld() == null) {
            throw Problem.invalid("no token of the corpus is predicted by another")
                    .where("corpus.path: " + Problem.shown(request.corpus().path()))
                    .expected("documents of two tokens or more")
                    .found(Plural.of(m.documents(), "document") + ", " + Plural.of(m.read(), "token"));
        }
        results.keepResults();
        return new ComparisonManifest.CorpusPart(
                request.corpus(), m.documents(), m.windows(), m.window(), m.read(), m.badLines(), divergence);
    }

    /** A sweep's progress as a phase of the comparison. */
    private static final class Progress implements SweepListener {

        private final RunQueue.Place place;
        private final ComparisonListener listener;
        private int windows = 1;

        Progress(RunQueue.Place place, ComparisonListener listener) {
            this.place = place;
            this.listener = listener;
        }

        @Override
        public void planned(SweepManifest manifest, int ready) {
            windows = manifest.windows();
        }

        @Override
        public void progress(SweepListener.Progress p) {
            String note = p.secondsLeft() < 0 || !p.phase().equals("running")
                    ? p.phase()
                    : String.format(
                            Locale.ROOT, "%,.0f tokens per second, %.0f s left", p.tokensPerSecond(), p.secondsLeft());
            listener.progress(new ComparisonListener.Progress("corpus", p.windows(), windows, note, null));
        }

        @Override
        public boolean cancelled() {
            return listener.cancelled() || place.cancelled();
        }
    }
}
