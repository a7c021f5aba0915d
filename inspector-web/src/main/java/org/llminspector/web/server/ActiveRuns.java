package org.llminspector.web.server;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** ActiveRuns knows the runs and comparisons under way, so that one can be cancelled by its id, and all of them at the end. */
final class ActiveRuns {

    /** Something under way. */
    interface Live {
        /** Ends it soon; may be called from any thread. */
        void cancel();
    }

    private final Set<Live> all = ConcurrentHashMap.newKeySet();
    private final Map<String, Live> byId = new ConcurrentHashMap<>();
    private volatile boolean closing;

    void add(Live run) {
        all.add(run);
        if (closing) run.cancel();
    }

    /** From now on it can be cancelled by this id. */
    void known(String id, Live run) {
        byId.put(id, run);
    }

    void remove(Live run) {
        all.remove(run);
        byId.values().remove(run);
    }

    /** False when no run of this id is under way. */
    boolean cancel(String id) {
        Live run = byId.get(id);
        if (run == null) return false;
        run.cancel();
        return true;
    }

    /** Cancels what runs, what waits and whatever comes after. */
    void cancelAll() {
        closing = true;
        all.forEach(Live::cancel);
    }
}
