package org.llminspector.run;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.Session;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Rope;

/**
 * LRU cache of the KV caches of recent runs, so that a branch does not recompute its parent's positions. An evicted
 * prefix is recomputed; the answer reports how many positions were reused. Thread-safe.
 */
final class PrefixCache implements MemoryLedger.Cache {

    private static final long MOST_BYTES = 256L << 20;

    /** In access order, the least recently used first. */
    private final Map<String, KvPrefix> kept = new LinkedHashMap<>(16, 0.75f, true);

    private long bytes;

    /**
     * Keeps the session's cache under the run's id, where it fits and the engine can export it.
     *
     * @param room free bytes
     */
    void keep(String run, Session session, long room) {
        long most = Math.min(MOST_BYTES / 2, room);
        if (session.length() == 0 || session.kvCache().bytes() > most) return;
        KvPrefix prefix = session.prefix(session.length());
        if (prefix != null) keep(run, prefix);
    }

    private synchronized void keep(String run, KvPrefix prefix) {
        KvPrefix before = kept.put(run, prefix);
        bytes += prefix.bytes() - (before == null ? 0 : before.bytes());
        shrink(MOST_BYTES);
    }

    private void shrink(long most) {
        for (Iterator<KvPrefix> oldest = kept.values().iterator(); bytes > most && oldest.hasNext(); oldest.remove()) {
            bytes -= oldest.next().bytes();
        }
    }

    @Override
    public synchronized List<MemoryLedger.Holder> holders() {
        return List.of(new MemoryLedger.Holder("prefixes", "KV caches of recent runs", bytes));
    }

    @Override
    public synchronized void evict(long wanted, boolean urgent) {
        shrink(Math.max(0, bytes - wanted));
    }

    /**
     * The cached prefix of a prepared branch, or null.
     *
     * @param engine the open engine; keys and values belong to one engine, device and precision
     */
    KvPrefix of(PreparedRun run, EngineInfo engine, RunStore store) {
        if (run.request().branch() == null || !run.hooks().isEmpty()) return null;
        RunManifest other = store.manifest(run.request().branch().run());
        EngineInfo then = other.engine();
        boolean same = then.name().equals(engine.name())
                && then.device().equals(engine.device())
                && other.request().plan().equals(run.request().plan())
                && other.request().interventions().equals(run.interventions())
                && other.model().slug().equals(run.folder().slug())
                && other.model().weightsSha256().equals(run.folder().knownSha256());
        if (!same
                || run.dependsOnPrompt()
                || run.folder().spec().layers().stream().anyMatch(PrefixCache::turnsLater)) return null;
        KvPrefix prefix;
        synchronized (this) {
            prefix = kept.get(other.id());
        }
        if (prefix == null) return null;
        int reads = run.tokens().size();
        // The last token is always read, for its logits.
        int shared = Math.min(Math.min(prefix.length(), run.request().branch().position()), reads - 1);
        return shared < 1 || !prefix.reaches(shared) ? null : prefix.first(shared);
    }

    /** Whether RoPE rotates keys differently once the sequence is longer (dynamic scaling, longrope). */
    static boolean turnsLater(LayerSpec layer) {
        Rope rope = layer.attends() ? layer.attention().rope() : null;
        return rope != null && (rope.scaling() instanceof Rope.Dynamic || rope.scaling() instanceof Rope.LongRope);
    }
}
