package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hub.Sha256Sums;
import org.llminspector.local.ModelCache;
import org.llminspector.run.store.RunRequest;

/** OpenModels keeps mapped folders and loaded engines; the engine used longest ago is closed when there are too many. */
public final class OpenModels implements AutoCloseable {

    private static final int MAX_ENGINES = 4;

    private record Key(String slug, String engine, String device, PrecisionPlan plan) {}

    private final ModelCache cache;
    private final Map<String, ModelFolder> folders = new HashMap<>();
    private final Map<Key, InspectorEngine> engines = new LinkedHashMap<>(16, 0.75f, true);
    /** Of models whose files have changed: somebody may still read them. */
    private final List<ModelFolder> forgotten = new ArrayList<>();

    public OpenModels(ModelCache cache) {
        this.cache = cache;
    }

    /** The model's folder, opened on first use. */
    public synchronized ModelFolder folder(String slug) {
        ModelFolder open = folders.get(slug);
        if (open != null) return open;
        ModelFolder folder = new ModelFolder(cache.find(slug));
        folders.put(slug, folder);
        return folder;
    }

    /** The engine that a request with its defaults filled in means. */
    public InspectorEngine engine(ModelFolder folder, RunRequest request) {
        return engine(folder, request.engine(), request.device(), request.plan());
    }

    /** The model on an engine, loaded on first use. Called by the queue's worker only, so none closes in use. */
    public synchronized InspectorEngine engine(ModelFolder folder, String engine, String wanted, PrecisionPlan plan) {
        Engines.check(engine, folder);
        String device = Engines.device(engine, wanted);
        Key key = new Key(folder.slug(), engine, device, plan);
        InspectorEngine open = engines.get(key);
        if (open != null) return open;
        Iterator<InspectorEngine> oldest = engines.values().iterator();
        while (engines.size() >= MAX_ENGINES && oldest.hasNext()) {
            oldest.next().close();
            oldest.remove();
        }
        Sha256Sums.verify(folder.checkpoint().dir());
        folder.beginHash();
        InspectorEngine loaded = Engines.open(engine, folder, device, plan);
        engines.put(key, loaded);
        return loaded;
    }

    /** The model's files have changed: who asks next reads them anew. Called by the queue's worker only. */
    public synchronized void forget(String slug) {
        ModelFolder folder = folders.remove(slug);
        if (folder != null) forgotten.add(folder);
        engines.entrySet().removeIf(e -> {
            if (!e.getKey().slug().equals(slug)) return false;
            e.getValue().close();
            return true;
        });
    }

    public synchronized List<EngineInfo> open(String slug) {
        List<EngineInfo> infos = new ArrayList<>();
        engines.forEach((key, engine) -> {
            if (key.slug().equals(slug)) infos.add(engine.info());
        });
        return infos;
    }

    @Override
    public synchronized void close() {
        engines.values().forEach(InspectorEngine::close);
        engines.clear();
        folders.values().forEach(ModelFolder::close);
        folders.clear();
        forgotten.forEach(ModelFolder::close);
        forgotten.clear();
    }
}
