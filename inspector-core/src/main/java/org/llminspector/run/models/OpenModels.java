package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Trim;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hub.Sha256Sums;
import org.llminspector.local.ModelCache;
import org.llminspector.local.PreparedStore;
import org.llminspector.run.store.RunRequest;
import org.llminspector.trial.Trials;

/**
 * OpenModels keeps mapped folders and loaded engines. A model is opened on a thread of its own: nobody waits for it but
 * those who asked for it, and when none of them does any more it is given up. What is open stands in a budget of bytes;
 * the least recently used engine is evicted.
 */
public final class OpenModels implements AutoCloseable {

    private static final long POLL_MS = 100;

    private record Key(ModelFolder folder, String engine, String device, PrecisionPlan plan) {}

    /** A loaded engine: what it holds of the budget, and by how many it is meant to be used soon. */
    private static final class Loaded {
        private final InspectorEngine engine;
        private int holders;

        private Loaded(InspectorEngine engine) {
            this.engine = engine;
        }
    }

    /** Hold keeps an engine open that is about to be used. */
    @FunctionalInterface
    public interface Hold extends AutoCloseable {
        @Override
        void close();
    }

    /** Something beside the models that takes of their budget, and goes before one of them does. */
    public interface Beside {
        long bytes();

        void drop();
    }

    /** What an open model holds. */
    public record Held(EngineInfo engine, MemoryUse memory) {}

    private final ModelCache cache;
    private final long budget;
    private final Trials trials;
    private final PreparedStore prepared;
    private volatile Beside beside;
    /** Whether the worker's piece of work was cancelled. */
    private volatile BooleanSupplier cancelled = () -> false;

    private final Map<String, ModelFolder> folders = new HashMap<>();
    private final Map<Key, Loaded> engines = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<Key, Opening> openings = new LinkedHashMap<>();
    /** Bytes that models on their way are going to take. */
    private final Map<Key, Long> expected = new HashMap<>();
    /** Engines that the worker's piece of work has asked for. */
    private final Set<Key> working = new HashSet<>();
    /** Of models whose files have changed: requests that began before may still read them. */
    private final UnreachableFolders forgotten = new UnreachableFolders();

    private boolean closed;

    private final ExecutorService openers = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "opener");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * @param budget most bytes that open models and their captures may hold
     * @param prepared keeps what engines make of weights
     */
    public OpenModels(ModelCache cache, long budget, Trials trials, PreparedStore prepared) {
        this.cache = cache;
        this.budget = budget;
        this.trials = trials;
        this.prepared = prepared;
    }

    public long budget() {
        return budget;
    }

    /** From now on this counts too. */
    public void beside(Beside other) {
        beside = other;
    }

    /** The worker gives up opening a model once this holds; asked on the worker's thread. */
    public void cancelledWhen(BooleanSupplier cancelled) {
        this.cancelled = cancelled;
    }

    /** The model's folder, opened on first use, and again when its files have changed. */
    public ModelFolder folder(String slug) {
        ModelFolder open;
        synchronized (this) {
            open = folders.get(slug);
        }
        if (open != null && !open.checkpoint().changed()) return open;
        if (open != null) forget(slug, open);
        ModelFolder found = new ModelFolder(cache.find(slug), trials); // holds up nobody else
        ModelFolder other;
        synchronized (this) {
            other = folders.putIfAbsent(slug, found);
        }
        if (other == null) return found;
        found.close();
        return other;
    }

    /**
     * The ways in which a model can be opened; nothing is.
     *
     * @throws Problem where it cannot be opened at all: the field or tensor in the way, or that there is no such model
     */
    public Forms forms(String slug) {
        return Forms.of(folder(slug), budget, prepared);
    }

    /** Closes what nobody uses of folders that have changed. */
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

    /** The engine that a request with its defaults filled in means. */
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
                    return open.engine;
                }
            }
            await(key, begin(key, true), p -> {}, cancelled);
        }
    }

    /** The worker's piece of work has ended. */
    public void idle() {
        synchronized (this) {
            working.clear();
        }
        closeStale();
    }

    /**
     * Opens a model before its work waits its turn, and holds it until that is done. Where there is no room beside what
     * others are about to use, nothing is opened: the worker evicts engines when its turn comes.
     *
     * @param progress hears now and then how far it is; not when it is open already
     */
    public Hold hold(
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
            await(key, opening, progress, cancelled);
        }
    }

    /** The same, of work whose listener does not hear how far it is. */
    public Hold hold(ModelFolder folder, String engine, String wanted, PrecisionPlan plan, BooleanSupplier cancelled) {
        return hold(folder, engine, wanted, plan, p -> {}, cancelled);
    }

    private void release(Loaded open) {
        synchronized (this) {
            open.holders--;
        }
        closeStale();
    }

    private static Key key(ModelFolder folder, String engine, String wanted, PrecisionPlan plan) {
        Engines.check(engine, folder);
        return new Key(folder, engine, Engines.device(engine, wanted), plan);
    }

    /**
     * Begins to open a model, or joins those who wait for it.
     *
     * @param urgent the worker asks: only what its own piece of work uses stays open for certain
     * @return null when there is no room and it is not urgent
     */
    private Opening begin(Key key, boolean urgent) {
        long needs = Engines.estimate(key.engine(), key.folder(), key.plan(), prepared);
        if (needs > budget && key.device().equals("cpu")) throw tooLarge(key, needs);
        List<InspectorEngine> evicted = new ArrayList<>();
        Opening opening;
        synchronized (this) {
            opening = openings.get(key);
            if (opening != null && opening.join()) return opening;
            long over = held().resident()
                    + expected.values().stream().mapToLong(Long::longValue).sum()
                    + needs
                    - budget;
            long others = beside == null ? 0 : beside.bytes();
            if (over + others > 0 && others > 0) beside.drop();
            List<Key> leave = new ArrayList<>();
            for (Map.Entry<Key, Loaded> e : engines.entrySet()) {
                if (over <= 0) break;
                if (working.contains(e.getKey()) || (e.getValue().holders > 0 && !urgent)) continue;
                leave.add(e.getKey());
                over -= e.getValue().engine.memory().resident();
            }
            if (over > 0 && !urgent) return null;
            leave.forEach(k -> evicted.add(engines.remove(k).engine));
            opening = new Opening(
                    key.engine(),
                    key.device(),
                    key.plan().standard(),
                    key.folder().bytesToRead());
            opening.join();
            openings.put(key, opening);
            expected.put(key, needs);
        }
        close(evicted);
        Opening begun = opening;
        openers.execute(() -> open(key, begun));
        return begun;
    }

    private static void close(List<InspectorEngine> engines) {
        engines.forEach(InspectorEngine::close);
        if (!engines.isEmpty()) Trim.memory();
    }

    private Problem tooLarge(Key key, long needs) {
        return Problem.tooLarge("the model does not fit the memory budget")
                .where(key.folder().slug() + " on " + key.engine() + " in "
                        + key.plan().standard().label())
                .expected("at most " + ByteCount.of(budget))
                .found("about " + ByteCount.of(needs))
                .instead("take fewer bits (fp16 on torch, int8 or int4 on onnx), or raise --memory");
    }

    private void open(Key key, Opening opening) {
        InspectorEngine loaded = null;
        Throwable failed = null;
        try {
            Sha256Sums.verify(key.folder().checkpoint().dir());
            key.folder().beginHash();
            loaded = new CheckedEngine(
                    Engines.open(key.engine(), key.folder(), key.device(), key.plan(), opening, prepared),
                    key.folder().checkpoint()::checkReadable);
            key.folder().checkpoint().checkReadable();
        } catch (Throwable t) {
            failed = t;
        }
        boolean kept;
        synchronized (this) {
            kept = openings.remove(key, opening);
            if (kept) expected.remove(key); // else another opening of the same model has taken its place
            kept &= failed == null && !closed;
            if (kept) engines.put(key, new Loaded(loaded));
        }
        if (loaded != null && !kept) loaded.close();
        if (failed == null) opening.end.complete(null);
        else opening.end.completeExceptionally(failed);
    }

    private void await(Key key, Opening opening, Consumer<Opening.Progress> progress, BooleanSupplier cancelled) {
        try {
            Opening.Progress told = null;
            while (true) {
                try {
                    opening.end.get(POLL_MS, TimeUnit.MILLISECONDS);
                    return;
                } catch (TimeoutException e) {
                    if (cancelled.getAsBoolean()) throw cancelled(key);
                    Opening.Progress now = opening.progress();
                    if (!now.equals(told)) progress.accept(now);
                    told = now;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled(key);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof CancellationException) throw cancelled(key);
            if (e.getCause() instanceof RuntimeException runtime) throw runtime;
            if (e.getCause() instanceof Error error) throw error;
            throw new IllegalStateException(e.getCause());
        } finally {
            opening.leave();
        }
    }

    private static Problem cancelled(Key key) {
        return Problem.of(Problem.Kind.CANCELLED, "opening the model was cancelled")
                .where(key.folder().slug())
                .instead("open it again");
    }

    /** The model's files have changed: who asks next reads them anew. Who runs it still does so to the end. */
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

    /** The engines that hold a model. */
    public synchronized List<EngineInfo> open(String slug) {
        List<EngineInfo> infos = new ArrayList<>();
        engines.forEach((key, loaded) -> {
            if (key.folder().slug().equals(slug)) infos.add(loaded.engine.info());
        });
        return infos;
    }

    /** How far a model is that is being opened. */
    public synchronized List<Opening.Progress> opening(String slug) {
        List<Opening.Progress> progress = new ArrayList<>();
        openings.forEach((key, opening) -> {
            if (key.folder().slug().equals(slug)) progress.add(opening.progress());
        });
        return progress;
    }

    /** What each open model holds, by its slug, the one used longest ago first. */
    public synchronized List<Map.Entry<String, Held>> holds() {
        List<Map.Entry<String, Held>> all = new ArrayList<>();
        engines.forEach((key, loaded) ->
                all.add(Map.entry(key.folder().slug(), new Held(loaded.engine.info(), loaded.engine.memory()))));
        return all;
    }

    /** What all of them hold. */
    public synchronized MemoryUse held() {
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
