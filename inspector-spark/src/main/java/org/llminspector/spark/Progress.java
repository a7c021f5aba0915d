package org.llminspector.spark;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;

/** What executors have done of a sweep, as their results come in. */
final class Progress {

    private final SweepListener listener;
    private final SweepManifest manifest;
    private final int of;
    private final Map<Integer, RuntimeException> failed = new TreeMap<>();
    private final long began = System.nanoTime();
    private int done;
    private int computed;
    private int left;
    private long tokens;

    /**
     * @param of all shards
     * @param todo those whose parts were not there
     */
    Progress(SweepListener listener, int of, int todo, SweepManifest manifest) {
        this.listener = listener;
        this.manifest = manifest;
        this.of = of;
        this.done = of - todo;
        this.left = todo;
    }

    synchronized void ended(Shard shard) {
        left--;
        if (shard.failed() != null) {
            failed.put(shard.shard(), shard.failed());
        } else {
            done++;
            if (shard.tokens() > 0) computed++;
            tokens += shard.tokens();
        }
        double rate = tokens / seconds();
        double average = (double) manifest.read() / of;
        double seconds = rate == 0 ? -1 : left * average / rate;
        listener.progress(new SweepListener.Progress("running", done, of, 0, rate, seconds));
    }

    synchronized int computed() {
        return computed;
    }

    synchronized long tokens() {
        return tokens;
    }

    /** By the driver's clock. */
    double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }

    /** What could not be computed, and why the first of it. */
    synchronized Problem missing(Path folder, List<Integer> missing) {
        String shards = missing.stream().limit(20).map(String::valueOf).collect(Collectors.joining(", "));
        String why =
                failed.values().stream().findFirst().map(Throwable::getMessage).orElse("no executor said why");
        Problem.Kind kind = failed.values().stream()
                .filter(Problem.class::isInstance)
                .map(p -> ((Problem) p).kind())
                .findFirst()
                .orElse(Problem.Kind.CONFLICT);
        return Problem.of(kind, "some shards of the sweep could not be computed")
                .where(folder)
                .expected(of + " parts")
                .found(missing.size() + " missing, of the shards " + shards + (missing.size() > 20 ? ", ..." : "")
                        + ": " + why)
                .instead("mend it and run the sweep again into this folder: only they are computed");
    }
}
