package org.llminspector.hub;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.RepoId;
import org.llminspector.hub.repo.Revision;

/**
 * Client that downloads models from the Hugging Face hub into the cache shared with Python's tools. Safe on any thread;
 * pulls of one model wait for each other, also across processes.
 */
public final class HubClient {

    private static final String MAIN = "main";

    private final HubSettings settings;
    private final HubHttp http;
    private final Backoff backoff;
    private final DiskSpace disk;

    public HubClient(HubSettings settings) {
        this(settings, Backoff.DEFAULT, DiskSpace.REAL);
    }

    HubClient(HubSettings settings, Backoff backoff, DiskSpace disk) {
        this.settings = settings;
        this.http = new HubHttp(settings, backoff);
        this.backoff = backoff;
        this.disk = disk;
    }

    /**
     * Configured by {@code HF_ENDPOINT}, {@code HF_HUB_CACHE}, {@code HF_HOME}, {@code HF_TOKEN}, {@code
     * HF_HUB_OFFLINE}.
     */
    public static HubClient fromEnvironment() {
        return new HubClient(HubSettings.fromEnvironment());
    }

    /**
     * Downloads a model into the cache, unless it is there. Blocks.
     *
     * @param repo {@code owner/name}
     * @param revision a branch, a tag or a commit; null for main
     * @param listener called with the progress on this thread; its exception ends the pull
     * @param cancelled polled often; true ends the pull
     * @return the model, every file present and verified against its hash
     * @throws Problem when the model does not exist, is not accessible, cannot be downloaded, or does not fit on the
     *     disk
     * @throws java.util.concurrent.CancellationException when cancelled or interrupted; what has arrived is kept, and
     *     the next pull resumes it
     */
    public Pulled pull(String repo, String revision, Progress.Listener listener, BooleanSupplier cancelled) {
        RepoId id = new RepoId(repo);
        Revision at = new Revision(revision == null ? MAIN : revision);
        Cancel cancel = new Cancel(cancelled);
        Pull pull = new Pull(http, settings, backoff, disk, id, at, new ProgressReporter(listener), cancel);
        try {
            return pull.run();
        } catch (IOException e) {
            cancel.check();
            if (DiskSpace.full(e)) throw DiskSpace.ranOut(settings.cache(), e);
            if (!(e instanceof FileSystemException)) throw pull.unreachable(e);
            throw Problem.of(Problem.Kind.STORAGE, "the cache of models cannot be used")
                    .where(settings.cache())
                    .found(e)
                    .instead("check that the folder may be written, or set HF_HUB_CACHE to another one")
                    .causedBy(e);
        }
    }
}
