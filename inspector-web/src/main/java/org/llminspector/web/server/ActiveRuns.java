package org.llminspector.web.server;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** ActiveRuns knows the runs under way, so that one can be cancelled by its id, and all of them at the end. */
final class ActiveRuns {

    private final Set<LiveRun> all = ConcurrentHashMap.newKeySet();
    private final Map<String, LiveRun> byId = new ConcurrentHashMap<>();
    private volatile boolean closing;

    void add(LiveRun run) {
        all.add(run);
        if (closing) run.cancel();
    }

    void started(String id, LiveRun run) {
        byId.put(id, run);
    }

    void remove(LiveRun run) {
        all.remove(run);
        byId.values().remove(run);
    }

    /** False when no run of this id is under way. */
    boolean cancel(String id) {
        LiveRun run = byId.get(id);
        if (run == null) return false;
        run.cancel();
        return true;
    }

    /** Cancels what runs, what waits and whatever comes after. */
    void cancelAll() {
        closing = true;
        all.forEach(LiveRun::cancel);
    }
}
