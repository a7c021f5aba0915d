package org.llminspector.run.sweep;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.local.ModelCache;

/** Sweeps that come with their models, in a model folder's {@code sweep}: read, never changed; the model's slug is the id. */
final class ShippedSweeps {

    private final ModelCache models;

    ShippedSweeps(ModelCache models) {
        this.models = models;
    }

    /** Slugs of the models that have one. */
    List<String> ids() {
        return models.list().stream()
                .filter(ShippedSweeps::has)
                .map(ModelCache.Found::slug)
                .toList();
    }

    /** A sweep's folder; null where the model has none, or there is no such model. */
    Path dir(String slug) {
        return models.list().stream()
                .filter(m -> m.slug().equals(slug) && has(m))
                .map(m -> m.dir().resolve("sweep"))
                .findFirst()
                .orElse(null);
    }

    /** A downloaded repository's folder says nothing of this program's. */
    private static boolean has(ModelCache.Found model) {
        return !model.source().equals("hf-cache")
                && Files.isRegularFile(model.dir().resolve("sweep/sweep.json"));
    }

    /** @throws Problem CONFLICT where a model came with this sweep */
    void refuse(String id, String what) {
        if (dir(id) == null) return;
        throw Problem.of(Problem.Kind.CONFLICT, "the sweep came with its model and cannot be " + what)
                .where("sweep " + id)
                .instead("begin another one of the model: POST /sweeps");
    }
}
