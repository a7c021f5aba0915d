package org.llminspector.web.server.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.train.Recipe;
import org.llminspector.web.server.http.StrictJson;

/** Parser of recipes in YAML, which includes JSON. */
public final class RecipeText {

    /** A request's changes to a recipe; null leaves a value as it is. */
    public record Change(String name, Integer steps, Double learningRate) {
        ObjectNode applied(ObjectNode recipe) {
            ObjectNode changed = recipe.deepCopy();
            if (name != null) changed.put("name", name);
            if (steps != null) changed.put("steps", steps);
            if (learningRate != null) {
                changed.put("learning_rate", learningRate);
                // The schedule's final rate keeps its ratio to the highest rate.
                JsonNode most = recipe.path("learning_rate");
                JsonNode least = recipe.path("min_learning_rate");
                if (most.isNumber() && least.isNumber()) {
                    changed.put("min_learning_rate", learningRate * least.asDouble() / most.asDouble());
                }
            }
            return changed;
        }
    }

    private RecipeText() {}

    public static Recipe read(Path file, Change change) {
        if (!Files.isRegularFile(file)) {
            throw Problem.notFound("there is no such recipe").where(file);
        }
        return read(Reads.text(file, Reads.RECIPE), file.toString(), change);
    }

    /** @param where its source, for errors */
    static Recipe read(String text, String where, Change change) {
        try {
            return read(new YAMLMapper().readTree(text), where, change);
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the recipe is not valid YAML").where(where).found(e.getOriginalMessage());
        }
    }

    static Recipe read(JsonNode tree, String where, Change change) {
        return StrictJson.convert(tree instanceof ObjectNode o ? change.applied(o) : tree, Recipe.class, where);
    }
}
