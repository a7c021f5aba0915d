package org.llminspector.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.RepoId;

/**
 * List of small models suggested for download: model-cache/catalog.json.
 *
 * @param embedded the folder next to it with the model that ships with the program, or null
 */
public record Catalog(String embedded, List<Entry> models) {

    public Catalog {
        models = List.copyOf(models);
    }

    /**
     * One model. Its numbers are computed from the shapes in its published config.json, tensor by tensor (CatalogTest
     * repeats it); null where that is not possible. Licence and gate are from the hub's page.
     *
     * @param repo its name on the hub
     * @param family {@code model_type} in config.json
     * @param parameters their number, tied ones counted once
     * @param weightsBytes size of its safetensors files, nearly all of the download
     * @param licence as the hub names it
     * @param gated whether its owner requires a licence to be accepted first
     * @param why one line
     */
    public record Entry(
            String repo, String family, Long parameters, Long weightsBytes, String licence, boolean gated, String why) {

        public Entry {
            new RepoId(repo);
        }
    }

    public static Catalog load(Path file) {
        JsonNode json = Json.readObject(file);
        try {
            return Json.mapper().treeToValue(json, Catalog.class);
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the catalog is malformed").where(file).found(e.getOriginalMessage());
        }
    }
}
