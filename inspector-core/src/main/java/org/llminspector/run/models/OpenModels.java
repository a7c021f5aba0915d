package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.platform.Trim;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hub.Sha256Sums;
import org.llminspector.local.ModelCache;
import org.llminspector.local.PreparedStore;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.sandbox.Probes;

/**
 * LRU pool of mapped model folders and open engines within a byte budget. Each model is opened on its own thread; only
 * its requesters wait for it, and the opening is cancelled when the last of them has left.
 */
public final class OpenModels implements MemoryLedger.Cache, AutoCloseable {

    private static final String FEWER = "take fewer bits (fp16 on torch, int8 or int4 on onnx), or raise --memory";

    private record Key(ModelFolder folder, EngineKind engine, String device, PrecisionPlan plan) {}

    /** An open engine: its reserved memory and its number of leases. */
    private static final class Loaded {
        private final InspectorEngine engine;
        private int holders;

        private Loaded(InspectorEngine engine) {
            this.engine = engine;
        }
    }

    /** Keeps an engine open for imminent use, until closed. */
    @FunctionalInterface
    public interface Lease extends AutoCloseable {
        @Override
        void close();
    }

    /** Memory of an open model. */
    public record EngineMemory(EngineInfo engine, MemoryUse memory) {}

    private final ModelCache cache;
    private final MemoryLedger ledger;
    private final Probes probes;
    private final PreparedStore prepared;
    /** Whether the worker's piece of work was cancelled. */
    private volatile BooleanSupplier cancelled = () -> false;

    private final Map<String, ModelFolder> folders = new HashMap<>();
    private final Map<Key, Loaded> engines = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<Key, Opening> openings = new LinkedHashMap<>();
    /** Engines used by the worker's current piece of work. */
    private final Set<Key> working = new HashSet<>();
    /** Folders whose files have changed; requests that began earlier may still read them. */
    private final UnreachableFolders forgotten = new UnreachableFolders();

    private boolean closed;

    private final ExecutorService openers = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "opener");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * @param ledger account of open models, which are its last cache to be evicted
     * @param prepared store of prepared tensors
     */
    public OpenModels(ModelCache cache, MemoryLedger ledger, Probes probes, PreparedStore prepared) {
        this.cache = cache;
        this.ledger = ledger;
        this.probes = probes;
        this.prepared = prepared;
        ledger.add(this);
    }

    public MemoryLedger ledger() {
        return ledger;
    }

    /** Sets the condition under which the worker abandons an opening; evaluated on the worker's thread. */
    public void cancelledWhen(BooleanSupplier cancelled) {
        this.cancelled = cancelled;
    }

    /**
     * The model's folder, opened on first use and reopened when its files have changed; opening one forgets all changed
     * folders.
     */
    public ModelFolder folder(String slug) {
        ModelFolder open;
        synchronized (this) {
            open = folders.get(slug);
        }
        if (open != null && !open.checkpoint().changed()) return open;
        forgetChanged();
        ModelFolder found = new ModelFolder(cache.find(slug), probes, this::room); // unlocked: it reads files
        ModelFolder other;
        synchronized (this) {
            other = folders.putIfAbsent(slug, found);
        }
        if (other == null) return found;
        found.close();
        return other;
    }

    private long room(ModelFolder folder, EngineKind engine, PrecisionPlan plan) {
        return ledger.budget() - engine.estimate(folder, plan, prepared);
    }

    /**
     * Forms in which a model can be opened; nothing is opened.
     *
     * @throws Problem where it cannot be opened at all, naming the field or tensor, or where there is no such model
     */
    public Forms forms(String slug) {
        return Forms.of(folder(slug), ledger.budget(), prepared);
    }

    /** Closes the unused engines of folders that have changed. */
    private void closeStale() {
        List<InspectorEngine> stale = new ArrayList<>();
        synchronized (this) {
            for (Iterator<Map.Entry<Key, Loaded>> i = engines.entrySet().iterator(); i.hasNext(); ) {
                Map.Entry<Key, Loaded> e = i.next();
                boolean used = working.contains(e.getKey()) || e.getValue().holders > 0;
                ModelFolder folder = e.getKey().folder();
                if (used || folders.get(folder.slug()) == folder) continue;
                stale.add(e.getValue().engine);
                i.remove();
            }
        }
        close(stale);
    }

    /** The engine that a request means, its defaults filled in. */
    public InspectorEngine engine(ModelFolder folder, RunRequest request) {
        return engine(folder, request.engine(), request.device(), request.plan());
    }

    /** The model on an engine, which stays open until the piece of work ends. Called by the queue's worker only. */
    public InspectorEngine engine(ModelFolder folder, String engine, String wanted, PrecisionPlan plan) {
        Key key = key(folder, engine, wanted, plan);
        while (true) {
            synchronized (this) {
                Loaded open = engines.get(key);
                if (open != null) {
                    working.add(key);
                    return open.engine.withKvFormats(key.engine().kvFormats(folder, key.device(), plan));
                }
            }
            begin(key, true).await(p -> {}, cancelled);
        }
    }

    /** Ends the worker's current piece of work and releases its engines. */
    public void idle() {
        synchronized (this) {
            working.clear();
        }
        closeStale();
    }

    /**
     * Opens a model before its work reaches the worker, and keeps it open until the lease is closed. Where there is no
     * room next to engines leased by others, nothing is opened: the worker evicts engines when the work reaches it.
     *
     * @param progress gets progress now and then; not when the model is open already
     */
    public Lease lease(
            ModelFolder folder,
            String engine,
            String wanted,
            PrecisionPlan plan,
            Consumer<Opening.Progress> progress,
            BooleanSupplier cancelled) {
        Key key = key(folder, engine, wanted, plan);
        while (true) {
            synchronized (this) {
                Loaded open = engines.get(key);
                if (open != null) {
                    open.holders++;
                    return () -> release(open);
                }
            }
            Opening opening = begin(key, false);
            if (opening == null) return () -> {};
            opening.await(progress, cancelled);
        }
    }

    /** The same without progress. */
    public Lease lease(
            ModelFolder folder, String engine, String wanted, PrecisionPlan plan, BooleanSupplier cancelled) {
        return lease(folder, engine, wanted, plan, p -> {}, cancelled);
    }

    private void release(Loaded open) {
        synchronized (this) {
            open.holders--;
        }
        closeStale();
    }

    private static Key key(ModelFolder folder, String engine, String wanted, PrecisionPlan plan) {
        EngineKind kind = Engines.of(engine, folder);
        boolean anyCache = kind.abilities().contains(EngineKind.Ability.ANY_CACHE);
        return new Key(folder, kind, kind.device(wanted), anyCache ? plan.withKvFormats(null) : plan);
    }

    /**
     * Starts opening a model, or joins its opening.
     *
     * @param urgent called by the worker: only engines of its own piece of work are safe from eviction
     * @return null when there is no room and it is not urgent
     */
    private Opening begin(Key key, boolean urgent) {
        synchronized (this) {
            Opening opening = openings.get(key);
            if (opening != null && opening.join()) return opening;
        }
        long needs = key.device().equals("cpu") ? key.engine().estimate(key.folder(), key.plan(), prepared) : 0;
        if (needs > ledger.budget()) throw tooLarge(key, needs);
        String name = key.folder().slug();
        MemoryLedger.Reservation reservation = urgent
                ? ledger.reserve(
                        "opening", name, needs, name + " on " + key.engine().id(), FEWER)
                : ledger.tryReserve("opening", name, needs, false);
        if (reservation == null) return null;
        Opening opening;
        synchronized (this) {
            opening = openings.get(key);
            if (opening != null && opening.join()) {
                reservation.close(); // another thread started it first
                return opening;
            }
            opening = new Opening(
                    name,
                    key.engine().id(),
                    key.device(),
                    key.plan().standard(),
                    key.folder().bytesToRead());
            opening.join();
            openings.put(key, opening);
        }
        Opening begun = opening;
        openers.execute(() -> open(key, begun, reservation));
        return begun;
    }

    /** The weights of each open model, and its capture memory. */
    @Override
    public synchronized List<MemoryLedger.Holder> holders() {
        List<MemoryLedger.Holder> all = new ArrayList<>();
        engines.forEach((key, loaded) -> all.add(new MemoryLedger.Holder(
                "weights",
                key.folder().slug() + " on " + key.engine().id() + " in "
                        + key.plan().standard().label(),
                loaded.engine.memory().resident())));
        // Files copied because no read lease was granted; an open engine counts the copies it reads as its weights.
        folders.forEach((slug, folder) -> {
            if (engines.keySet().stream().anyMatch(key -> key.folder() == folder)) return;
            all.add(new MemoryLedger.Holder(
                    "weights", "files of " + slug, folder.checkpoint().copied()));
        });
        return all;
    }

    /**
     * Closes the least recently used engines; first each open engine's pooled capture memory. The worker's engines
     * stay; engines leased by waiting work stay unless urgent.
     */
    @Override
    public void evict(long bytes, boolean urgent) {
        List<InspectorEngine> evicted = new ArrayList<>();
        synchronized (this) {
            long left = bytes;
            for (Loaded loaded : engines.values()) {
                long before = loaded.engine.memory().resident();
                loaded.engine.trim();
                left -= before - loaded.engine.memory().resident();
            }
            List<Key> leave = new ArrayList<>();
            for (Map.Entry<Key, Loaded> e : engines.entrySet()) {
                if (left <= 0) break;
                if (working.contains(e.getKey()) || (e.getValue().holders > 0 && !urgent)) continue;
                leave.add(e.getKey());
                left -= e.getValue().engine.memory().resident();
            }
            leave.forEach(k -> evicted.add(engines.remove(k).engine));
        }
        close(evicted);
    }

    private static void close(List<InspectorEngine> engines) {
        engines.forEach(InspectorEngine::close);
        if (!engines.isEmpty()) Trim.memory();
    }

    private Problem tooLarge(Key key, long needs) {
        return Problem.tooLarge("the model does not fit the memory budget")
                .where(key.folder().slug() + " on " + key.engine().id() + " in "
                        + key.plan().standard().label())
                .expected("at most " + ByteCount.of(ledger.budget()))
                .found("about " + ByteCount.of(needs))
                .instead(FEWER);
    }

    private void open(Key key, Opening opening, MemoryLedger.Reservation reservation) {
        InspectorEngine loaded = null;
        Throwable failed = null;
        try {
            Sha256Sums.verify(key.folder().checkpoint().dir());
            key.folder().beginHash();
            loaded = metered(
                    key,
                    new CheckedEngine(
                            key.engine().open(key.folder(), opening, key.device(), key.plan(), prepared),
                            key.folder().checkpoint()::checkReadable));
            key.folder().checkpoint().checkReadable();
        } catch (Throwable t) {
            failed = t;
        }
        Trim.memory(); // temporary memory of decoding and packing
        boolean kept;
        synchronized (this) {
            kept = openings.remove(key, opening); // else another opening of the same model has replaced it
            kept &= failed == null && !closed;
            if (kept) engines.put(key, new Loaded(loaded));
            reservation.close(); // from here on the engine's own memory is counted
        }
        if (loaded != null && !kept) loaded.close();
        if (failed == null) opening.end.complete(null);
        else opening.end.completeExceptionally(failed);
    }

    private InspectorEngine metered(Key key, InspectorEngine opened) {
        ModelFolder folder = key.folder();
        return new MeteredEngine(
                opened,
                key.engine(),
                ledger,
                folder.slug(),
                key.engine().kvFormats(folder, key.device(), key.plan()),
                folder.checkpoint().parameters(),
                other -> key.engine().estimate(folder, other, prepared));
    }

    /**
     * Forgets a model whose files have changed: later requests reopen it; current users keep the old one to their end.
     */
    public void forget(String slug) {
        ModelFolder folder;
        synchronized (this) {
            folder = folders.get(slug);
        }
        if (folder != null) forget(slug, folder);
    }

    private void forget(String slug, ModelFolder folder) {
        synchronized (this) {
            if (!folders.remove(slug, folder)) return;
            forgotten.add(folder);
        }
        closeStale();
    }

    /** Forgets the models whose files were replaced or deleted. */
    public void forgetChanged() {
        List<ModelFolder> all;
        synchronized (this) {
            all = List.copyOf(folders.values());
        }
        for (ModelFolder folder : all) if (folder.checkpoint().changed()) forget(folder.slug(), folder);
    }

    /** Engines on which a model is open. */
    public synchronized List<EngineInfo> open(String slug) {
        List<EngineInfo> infos = new ArrayList<>();
        engines.forEach((key, loaded) -> {
            if (key.folder().slug().equals(slug)) infos.add(loaded.engine.info());
        });
        return infos;
    }

    /** Progress of a model's openings. */
    public synchronized List<Opening.Progress> opening(String slug) {
        List<Opening.Progress> progress = new ArrayList<>();
        openings.forEach((key, opening) -> {
            if (key.folder().slug().equals(slug)) progress.add(opening.progress());
        });
        return progress;
    }

    /** Memory of each open model by slug, the least recently used first. */
    public synchronized List<Map.Entry<String, EngineMemory>> memoryByModel() {
        List<Map.Entry<String, EngineMemory>> all = new ArrayList<>();
        engines.forEach((key, loaded) -> all.add(
                Map.entry(key.folder().slug(), new EngineMemory(loaded.engine.info(), loaded.engine.memory()))));
        return all;
    }

    /** Memory of all open models. */
    public synchronized MemoryUse memory() {
        return engines.values().stream()
                .map(loaded -> loaded.engine.memory())
                .reduce(new MemoryUse(0, 0), MemoryUse::plus);
    }

    @Override
    public void close() {
        openers.shutdown();
        synchronized (this) {
            closed = true;
            openings.values().forEach(Opening::cancel);
        }
        try {
            openers.awaitTermination(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            engines.values().forEach(loaded -> loaded.engine.close());
            engines.clear();
            folders.values().forEach(ModelFolder::close);
            folders.clear();
            forgotten.close();
        }
    }
}
