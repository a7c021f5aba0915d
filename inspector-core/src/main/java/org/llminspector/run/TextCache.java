package org.llminspector.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.FileState;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.work.MemoryLedger;

/**
 * LRU cache of KV prefixes and token scores of recently scored texts; a text that shares a prefix only runs its suffix,
 * such as the choices of one question or questions after the same examples. Thread-safe.
 *
 * @param <S> a token's score
 */
final class TextCache<S> implements MemoryLedger.Cache {

    private static final long MOST_BYTES = 256L << 20;

    /** Only keys and values are wanted. */
    static final int NO_SCORES = -1;

    /** Bytes per listed token. */
    private static final int SCORE_BYTES = 96;

    /** Operators with one scale for all positions: a later token changes the keys and values of earlier ones. */
    private static final Set<String> OF_ALL_POSITIONS = Set.of("DynamicQuantizeLinear", "DynamicQuantizeMatMul");

    /** What keys and values depend on in addition to the tokens. */
    private record Key(String model, List<FileState> files, String engine, String device, PrecisionPlan plan) {}

    /** @param scores of the tokens from the second one on, each with {@code top} alternatives */
    private record Text<S>(Key key, int[] ids, KvPrefix cache, int top, List<S> scores) {

        long bytes() {
            return cache.bytes() + (long) scores.size() * (1 + top) * SCORE_BYTES;
        }
    }

    /**
     * Cached part of a text.
     *
     * @param cache of its first positions
     * @param scores of the tokens at positions 1 to the cache's length
     */
    record Known<S>(KvPrefix cache, List<S> scores) {}

    /** In order of use, the most recent last. */
    private final List<Text<S>> kept = new ArrayList<>();

    private long bytes;

    /** Whether the keys and values at a position are independent of later tokens and of the sequence's length. */
    static boolean exact(PreparedRun run) {
        ModelFolder folder = run.folder();
        return run.request().branch() == null
                && run.hooks().isEmpty()
                && run.interventions().isEmpty()
                && folder.spec().layers().stream().noneMatch(PrefixCache::turnsLater)
                && folder.checkpoint().onnx().map(TextCache::byPosition).orElse(true);
    }

    private static boolean byPosition(OnnxFile graph) {
        return graph.nodes().stream().noneMatch(n -> OF_ALL_POSITIONS.contains(n.op()));
    }

    private static Key key(PreparedRun run, EngineInfo engine) {
        ModelFolder folder = run.folder();
        return new Key(
                folder.slug(),
                folder.checkpoint().files(),
                engine.name(),
                engine.device(),
                run.request().plan());
    }

    /**
     * The longest cached prefix of these tokens; null for none. At least one token is left to be read: the last, or
     * with scores the last two.
     *
     * @param top how many alternatives of each are wanted, or {@link #NO_SCORES}
     */
    synchronized Known<S> of(PreparedRun run, EngineInfo engine, int[] ids, int top) {
        Key key = key(run, engine);
        Text<S> best = null;
        int most = 0;
        for (Text<S> text : kept) {
            if (!text.key().equals(key) || (top != NO_SCORES && text.top() != top)) continue;
            int same = 0;
            while (same < Math.min(ids.length, text.ids().length) && ids[same] == text.ids()[same]) same++;
            // A token's score comes from the position before it, so the last shared position is read again for the next
            // token's score.
            int shared = Math.min(Math.min(same - 1, text.cache().length()), ids.length - (top == NO_SCORES ? 1 : 2));
            if (shared >= Math.max(1, most) && text.cache().reaches(shared)) {
                best = text;
                most = shared;
            }
        }
        if (best == null) return null;
        kept.remove(best);
        kept.add(best);
        return new Known<>(best.cache().first(most), best.scores().subList(0, most));
    }

    /** Caches what a session has read of these tokens, where it fits and the engine can export it. */
    void keep(PreparedRun run, EngineInfo engine, int[] ids, Session session, int top, List<S> scores, long room) {
        long most = Math.min(Math.min(MOST_BYTES, Runtime.getRuntime().maxMemory() / 8), room);
        if (session.kvCache().bytes() > most / 2) return;
        KvPrefix cache = session.prefix(session.length());
        if (cache == null) return;
        Text<S> text = new Text<>(key(run, engine), ids, cache, top, List.copyOf(scores));
        synchronized (this) {
            kept.removeIf(other -> {
                boolean again = other.key().equals(text.key()) && Arrays.equals(other.ids(), ids);
                if (again) bytes -= other.bytes();
                return again;
            });
            kept.add(text);
            bytes += text.bytes();
            Iterator<Text<S>> oldest = kept.iterator();
            while (bytes > most && oldest.hasNext()) {
                bytes -= oldest.next().bytes();
                oldest.remove();
            }
        }
    }

    synchronized long bytes() {
        return bytes;
    }

    @Override
    public synchronized List<MemoryLedger.Holder> holders() {
        return List.of(new MemoryLedger.Holder("texts", "scored texts", bytes));
    }

    @Override
    public synchronized void evict(long wanted, boolean urgent) {
        long until = Math.max(0, bytes - wanted);
        for (Iterator<Text<S>> oldest = kept.iterator(); bytes > until && oldest.hasNext(); oldest.remove()) {
            bytes -= oldest.next().bytes();
        }
    }
}
