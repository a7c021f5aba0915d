package org.llminspector.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.OpenSweep;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;

/** The open sweep of an executor's JVM: its corpus is cut and its model open once, for all tasks. */
final class ExecutorSweep implements AutoCloseable {

    private static ExecutorSweep open; // the JVM's; null before the first task

    private final String id;
    private final Inspector inspector;
    private final OpenSweep sweep;
    private final SweepFolder folder;
    private final boolean shared;
    private final Path scratch;
    private boolean checked;

    private ExecutorSweep(SweepTask task) throws IOException {
        id = task.id();
        scratch = Files.createTempDirectory("inspector-spark");
        shared = Files.exists(Path.of(task.marker()));
        folder = new SweepFolder(shared ? Path.of(task.out()) : scratch.resolve("sweep"));
        Inspector opened = Inspector.open(task.config(scratch.resolve("runs")));
        try {
            SweepRequest request = task.sweep();
            opened.models().setDefault(task.slug());
            Differences.weights(Host.name(), task.weights(), opened.sweeps().weights(request));
            sweep = opened.sweeps().open(request, task.mostBytes(), SweepListener.NONE);
            inspector = opened;
        } catch (RuntimeException e) {
            opened.close();
            Writes.deleteAll(scratch);
            throw e;
        }
    }

    /**
     * The sweep of a task, opened by the first that asks.
     *
     * @throws Problem with this host's name, where this machine cannot have it
     */
    static synchronized ExecutorSweep of(SweepTask task) {
        if (open != null && open.id.equals(task.id())) return open;
        if (open != null) open.close();
        open = null;
        try {
            open = new ExecutorSweep(task);
            Runtime.getRuntime().addShutdownHook(new Thread(open::deleteScratch));
            return open;
        } catch (Problem p) {
            throw Host.named(p);
        } catch (IOException e) {
            throw Host.named(Writes.failed("the executor has no room for temporary files", "java.io.tmpdir", e));
        }
    }

    SweepFolder folder() {
        return folder;
    }

    /** Whether the folder is the driver's. */
    boolean shared() {
        return shared;
    }

    OpenSweep sweep() {
        return sweep;
    }

    /**
     * Refuses to compute another sweep than the driver's: other texts, or another engine here.
     *
     * @param manifest sweep.json
     */
    synchronized void check(String manifest) throws IOException {
        if (checked) return;
        SweepManifest driver = Json.mapper().readValue(manifest, SweepManifest.class);
        Differences.plans(Host.name(), driver, sweep.manifest());
        if (!shared) sweep.plan(folder); // parts/ is made
        checked = true;
    }

    List<String> parts() {
        return sweep.manifest().parts();
    }

    private void deleteScratch() {
        try {
            Writes.deleteAll(scratch);
        } catch (IOException e) {
            // a temporary folder, which the system deletes some day
        }
    }

    @Override
    public void close() {
        sweep.close();
        inspector.close();
        deleteScratch();
    }
}
