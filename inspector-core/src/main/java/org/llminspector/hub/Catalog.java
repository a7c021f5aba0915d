package org.llminspector.hub;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * Catalog is a short list of small models that are good to look at: model-cache/catalog.json.
 *
 * @param embedded the folder beside it that holds the model which ships with the program, or null
 */
public record Catalog(String embedded, List<Entry> models) {

    public Catalog {
        models = List.copyOf(models);
    }

    /**
     * One model. Its numbers are computed from the shapes in its published config.json, tensor by tensor (CatalogTest
     * does it again); a number that cannot be computed so is null. Licence and gate are as the hub's page said.
     *
     * @param repo its name on the hub
     * @param family as {@code model_type} in config.json
     * @param parameters how many it has, tied ones counted once
     * @param weightsBytes what its safetensors files weigh, which is nearly all of the download
     * @param licence as the hub names it
     * @param gated whether its owner asks for a licence to be accepted first
     * @param why one line
     */
    public record Entry(
            String repo, String family, Long parameters, Long weightsBytes, String licence, boolean gated, String why) {

        public Entry {
            new RepoId(repo);
        }

        /** The model's name in requests once it is pulled. */
        public String slug() {
            return new RepoId(repo).slug();
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
