package org.llminspector.hub;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;

/**
 * HubClient pulls models from the Hugging Face hub into the cache that Python's tools use, so that either finds what the
 * other downloaded. Safe on any thread; pulls of one model wait for each other, among processes too.
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

    /** As {@code HF_ENDPOINT}, {@code HF_HUB_CACHE}, {@code HF_HOME}, {@code HF_TOKEN}, {@code HF_HUB_OFFLINE} say. */
    public static HubClient fromEnvironment() {
        return new HubClient(HubSettings.fromEnvironment());
    }

    public HubSettings settings() {
        return settings;
    }

    /**
     * Brings a model into the cache, unless it is there, and blocks until it is.
     *
     * @param repo {@code owner/name}
     * @param revision a branch, a tag or a commit; null for main
     * @param listener hears of it on this thread; what it throws ends the pull
     * @param cancelled asked often; once it is true the pull ends
     * @return the model, every file of it there and compared with its hash
     * @throws Problem when there is no such model, when it may not or cannot be had, or does not fit
     * @throws java.util.concurrent.CancellationException when cancelled or interrupted; what has arrived is kept, and
     *     the next pull goes on from there
     */
    public Pulled pull(String repo, String revision, Progress.Listener listener, BooleanSupplier cancelled) {
        RepoId id = new RepoId(repo);
        Revision at = new Revision(revision == null ? MAIN : revision);
        Cancel cancel = new Cancel(cancelled);
        Pull pull = new Pull(http, settings, backoff, disk, id, at, new Meter(listener), cancel);
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
