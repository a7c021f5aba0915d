package org.llminspector.run;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.Problem;
import org.llminspector.local.ModelCache;

/** ModelGlances remembers each model's {@link ModelGlance} until a file of its folder changes. Safe on any thread. */
final class ModelGlances {

    private record Seen(String stamp, ModelGlance glance) {}

    private final Map<String, Seen> seen = new ConcurrentHashMap<>();

    ModelGlance of(ModelCache.Found found) {
        String stamp;
        try {
            stamp = ModelGlance.stamp(found);
        } catch (Problem p) {
            return ModelGlance.trouble(p.getMessage());
        }
        Seen before = seen.get(found.slug());
        if (before != null && before.stamp().equals(stamp)) return before.glance();
        ModelGlance glance = ModelGlance.of(found);
        seen.put(found.slug(), new Seen(stamp, glance));
        return glance;
    }
}
