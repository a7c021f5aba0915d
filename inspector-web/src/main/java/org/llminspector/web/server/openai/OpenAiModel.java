package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import java.util.Arrays;
import java.util.Optional;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequestBuilder;

/**
 * The model name of a request: a slug, optionally followed by an engine, a device or a precision, each after an {@code
 * @}: {@code tales-4m@onnx@int8}. OpenAI's requests have no other field for them.
 *
 * @param name as it was given
 * @param engine null for the model's own
 * @param device null for auto
 * @param precision null for fp32
 */
public record OpenAiModel(String name, String slug, String engine, String device, Precision precision) {

    static OpenAiModel of(String name) {
        String slug = name;
        String engine = null;
        String device = null;
        Precision precision = null;
        for (int at = slug.lastIndexOf('@'); at > 0; at = slug.lastIndexOf('@')) {
            String word = slug.substring(at + 1);
            Optional<Precision> found = Arrays.stream(Precision.values())
                    .filter(p -> p.label().equals(word))
                    .findFirst();
            if (Engines.names().contains(word)) engine = word;
            else if (word.matches("cpu|cuda(:[0-9]+)?")) device = word;
            else if (found.isPresent()) precision = found.get();
            else break; // a checkpoint's step
            slug = slug.substring(0, at);
        }
        return new OpenAiModel(name, slug, engine, device, precision);
    }

    /** The model in the body; else the one of the path, {@code /as/MODEL/...}; else the default. */
    static OpenAiModel of(Context ctx, JsonNode body, Models models) {
        String path = ctx.pathParamMap().get("model");
        String given = OpenAiRequest.text(body, "model", path == null ? ctx.queryParam("model") : path);
        OpenAiModel model = of(models.orDefault(given));
        if (path != null && !of(path).slug().equals(model.slug())) {
            throw Problem.invalid("the address and the body name two models")
                    .where("model")
                    .expected(of(path).slug())
                    .found(model.slug());
        }
        return model;
    }

    RunRequestBuilder of(RunRequestBuilder request) {
        return request.model(slug).engine(engine).device(device).precision(precision);
    }
}
