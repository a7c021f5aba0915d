package org.llminspector.engine.onnx.runtime;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * LRU cache of open graphs with reference counts: the sequences that run on each. Before opening another graph it
 * evicts the least recently used ones without references. Thread-safe; other calls wait while a graph is opened.
 */
public final class GraphCache<K, G> implements AutoCloseable {

    private final int kept;
    private final Consumer<G> close;
    private final Map<K, Counted<G>> open = new LinkedHashMap<>(16, 0.75f, true);

    private static final class Counted<G> {
        private final G graph;
        private int references;

        private Counted(G graph) {
            this.graph = graph;
        }
    }

    /** A counted reference to an open graph; {@code release} must be called once, after use. */
    public record Lease<G>(G graph, Runnable release) {}

    /**
     * @param kept how many graphs stay open without references
     * @param close closes a graph
     */
    public GraphCache(int kept, Consumer<G> close) {
        this.kept = kept;
        this.close = close;
    }

    /** The graph of this key, opened if it is not open. */
    public synchronized Lease<G> lease(K key, Supplier<G> opening) {
        Counted<G> counted = open.get(key);
        if (counted == null) {
            evict();
            counted = new Counted<>(opening.get());
            open.put(key, counted);
        }
        counted.references++;
        Counted<G> leased = counted;
        return new Lease<>(leased.graph, () -> release(leased));
    }

    /** Makes room for another graph. */
    private void evict() {
        Iterator<Counted<G>> oldest = open.values().iterator();
        for (int more = open.size() - kept + 1; more > 0 && oldest.hasNext(); ) {
            Counted<G> old = oldest.next();
            if (old.references > 0) continue;
            oldest.remove();
            close.accept(old.graph);
            more--;
        }
    }

    private synchronized void release(Counted<G> leased) {
        leased.references--;
    }

    /** All open graphs. */
    public synchronized List<G> graphs() {
        List<G> all = new ArrayList<>();
        for (Counted<G> counted : open.values()) all.add(counted.graph);
        return all;
    }

    /** Closes all, in use or not. */
    @Override
    public synchronized void close() {
        open.values().forEach(counted -> close.accept(counted.graph));
        open.clear();
    }
}
