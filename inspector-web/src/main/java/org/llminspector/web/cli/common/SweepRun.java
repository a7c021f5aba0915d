package org.llminspector.web.cli.common;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.Sweeps;

/**
 * A command's sweep, here or on a cluster, until it has ended or is interrupted.
 *
 * @param err where progress is told
 */
public record SweepRun(FolderOptions places, SweepFlags flags, PrintWriter err, boolean quiet) {

    /** What a command does with a sweep's end. */
    public interface End {
        /**
         * Returns the exit code.
         *
         * @param folder of the sweep, which is deleted afterwards where --out names none
         */
        int of(Sweeps.Done done, Path folder);
    }

    /** Returns the exit code. */
    public int run(SweepRequest request, End end) throws IOException {
        Interrupt interrupt = new Interrupt();
        Progress progress = new Progress(err, quiet);
        Path temporary = Files.createTempDirectory("inspector-sweep");
        Path folder = flags.out == null ? temporary.resolve("sweep") : flags.out;
        try (Inspector inspector = places.open(1, temporary.resolve("runs"))) {
            Sweeps.Done done = done(inspector, request, folder, new SweepProgress(err, quiet, progress, interrupt));
            progress.clear();
            return end.of(done, folder);
        } catch (Problem p) {
            progress.clear();
            if (!interrupt.requested()) throw p;
            err.println(
                    flags.out == null
                            ? "interrupted; without --out nothing is kept"
                            : "interrupted; what is finished is kept, and the same command goes on with it");
            err.flush();
            return Interrupt.EXIT_CODE;
        } finally {
            progress.clear();
            interrupt.done();
            FolderOptions.delete(temporary);
        }
    }

    private Sweeps.Done done(Inspector inspector, SweepRequest request, Path folder, SweepListener listener) {
        if (flags.on == null) return inspector.sweeps().run(request, folder, flags.share(), flags.maxBytes, listener);
        if (flags.shard != null) {
            throw Problem.invalid("a cluster is given every shard")
                    .where("--shard, --on")
                    .expected("at most one of them")
                    .found("both");
        }
        SweepCluster cluster = SweepCluster.at(flags.on);
        return cluster.run(flags.on, inspector, places.elsewhere(inspector), request, folder, flags.maxBytes, listener);
    }
}
