package org.llminspector.run.models;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.Problem;
import org.llminspector.local.ModelCache;

/** Cache of each model's {@link ModelFacts} until a file of its folder changes. Thread-safe. */
public final class ModelFactsCache {

    private record Seen(String stamp, ModelFacts facts) {}

    private final Map<String, Seen> seen = new ConcurrentHashMap<>();

    public ModelFacts of(ModelCache.Found found) {
        String stamp;
        try {
            stamp = ModelFacts.stamp(found);
        } catch (Problem p) {
            return ModelFacts.trouble(p.getMessage());
        }
        Seen before = seen.get(found.slug());
        if (before != null && before.stamp().equals(stamp)) return before.facts();
        ModelFacts facts = ModelFacts.of(found);
        seen.put(found.slug(), new Seen(stamp, facts));
        return facts;
    }
}
