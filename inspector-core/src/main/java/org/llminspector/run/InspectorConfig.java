package org.llminspector.run;

import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llminspector.base.RootNames;
import org.llminspector.base.Version;
import org.llminspector.hub.HubSettings;
import org.llminspector.local.PreparedStore;
import org.llminspector.sandbox.Probes;

/**
 * Folders and limits.
 *
 * @param modelRoots folders whose subfolders are models (model-cache)
 * @param model a model folder or .gguf file given by the user, or null; it becomes the default
 * @param runsDir where runs are kept
 * @param runsMaxBytes size above which the oldest runs are deleted; comparisons have the same limit of their own
 * @param captureBudgetBytes most bytes one run may capture
 * @param memoryBytes most bytes of weights, caches, captures, trainings and everything else outside the Java heap,
 *     caches included; {@link #standardMemory} by default
 * @param queueCapacity most pieces of engine work waiting or running; further work is refused as BUSY
 * @param trainedDir where training jobs leave their models
 * @param environment variables that locate the hub and its cache, as in {@link HubSettings}; read when needed
 */
public record InspectorConfig(
        List<Path> modelRoots,
        Path model,
        Path runsDir,
        long runsMaxBytes,
        long captureBudgetBytes,
        long memoryBytes,
        int queueCapacity,
        Path trainedDir,
        Map<String, String> environment) {

    /**
     * Three fifths of the memory of this machine, or of the container: the Java heap, which is not part of the
     * budget, may use a quarter, and the rest is for libraries, the page cache and other programs.
     */
    public static long standardMemory() {
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        long all = system instanceof com.sun.management.OperatingSystemMXBean s ? s.getTotalMemorySize() : 8L << 30;
        return all / 5 * 3;
    }

    /** Trained models go next to the runs; the environment is that of the process. */
    public InspectorConfig(
            List<Path> modelRoots,
            Path model,
            Path runsDir,
            long runsMaxBytes,
            long captureBudgetBytes,
            int queueCapacity) {
        this(
                modelRoots,
                model,
                runsDir,
                runsMaxBytes,
                captureBudgetBytes,
                standardMemory(),
                queueCapacity,
                runsDir.toAbsolutePath().resolveSibling("trained"),
                System.getenv());
    }

    HubSettings hub() {
        return HubSettings.of(environment, HOME);
    }

    Path downloaded() {
        return HubSettings.cache(environment, HOME);
    }

    /** Sandboxed probes for files from outside; {@code LLM_INSPECTOR_TRUST=1} trusts all files instead. */
    Probes probes() {
        boolean trusted = "1".equals(environment.get("LLM_INSPECTOR_TRUST"));
        return new Probes(runsDir.toAbsolutePath().resolveSibling("verdicts").resolve(Version.STRING), trusted);
    }

    /** Store of prepared tensors, at most {@code LLM_INSPECTOR_PREPARED} bytes; 16 GiB by default. */
    PreparedStore prepared() {
        String limit = environment.getOrDefault("LLM_INSPECTOR_PREPARED", "");
        return new PreparedStore(
                runsDir.toAbsolutePath().resolveSibling("prepared"),
                limit.matches("[0-9]{1,18}") ? Long.parseLong(limit) : 16L << 30);
    }

    private static final Path HOME = Path.of(System.getProperty("user.home"));

    /** Registers the display names of folders in messages to clients. */
    void nameFolders() {
        RootNames.add(HOME, "~");
        RootNames.add(downloaded(), "huggingface");
        Path kept = runsDir().toAbsolutePath().normalize().getParent();
        if (kept != null) RootNames.add(kept);
        RootNames.add(runsDir());
        RootNames.add(trainedDir());
        modelRoots().forEach(RootNames::add);
        if (model() != null) RootNames.add(model());
    }
}
