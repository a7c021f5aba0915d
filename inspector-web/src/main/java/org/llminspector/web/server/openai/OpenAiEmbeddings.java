package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.run.Runs;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.web.server.http.LiveRun;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;

/**
 * Answers of /v1/embeddings: a hook's value, averaged over positions or at the last one. A decoder is not trained for
 * embeddings, so the request may choose the hook.
 */
public final class OpenAiEmbeddings {

    private static final String HOOK = "ln_final.hook_out";

    private final Models models;
    private final Runs runs;
    private final Metrics metrics;

    public OpenAiEmbeddings(Models models, Runs runs, Metrics metrics) {
        this.models = models;
        this.runs = runs;
        this.metrics = metrics;
    }

    /** {@code hook} (ln_final.hook_out) and {@code pooling} (mean, last) are additions to OpenAI's fields, as are {@code interventions}. */
    void answer(Context ctx) throws IOException {
        JsonNode body = Requests.body(ctx, JsonNode.class);
        OpenAiModel model = OpenAiModel.of(ctx, body, models);
        String hook = OpenAiRequest.text(body, "hook", HOOK);
        String pooling = oneOf(body, "pooling", "mean", "last");
        String format = oneOf(body, "encoding_format", "float", "base64");
        if (OpenAiRequest.has(body, "dimensions")) {
            throw Problem.unsupported("a model's vectors have one length")
                    .where("dimensions")
                    .expected("nothing")
                    .found(body.get("dimensions"));
        }
        List<RunRequest> inputs = OpenAiRequest.prompts(body.path("input"), "input");
        if (inputs.size() > OpenAiRequest.MAX_CHOICES) {
            throw Problem.tooLarge("too many texts for one request")
                    .where("input")
                    .expected("at most " + OpenAiRequest.MAX_CHOICES)
                    .found(inputs.size());
        }
        List<OpenAi.Embedding> all = new ArrayList<>();
        int read = 0;
        for (RunRequest input : inputs) {
            RunRequest request = model.of(input.toBuilder()
                            .capture(List.of(hook))
                            .interventions(OpenAiRequest.interventions(body))
                            .name("asked at /v1"))
                    .build();
            RunManifest run = new LiveRun(metrics, event -> {}).run(runs, request);
            float[] vector = pooled(runs.stored().capture(run.id(), HookId.parse(hook)), hook, pooling);
            Object sent = format.equals("float") ? vector : base64(vector);
            all.add(new OpenAi.Embedding("embedding", all.size(), sent, run.id()));
            read += run.promptLength();
        }
        Replies.json(ctx, new OpenAi.Embeddings("list", all, model.name(), new OpenAi.Usage(read, 0, read)));
    }

    private static float[] pooled(Tensor seen, String hook, String pooling) {
        if (seen.shape().length != 3) {
            throw Problem.invalid("this hook has no vector at a position")
                    .where("hook")
                    .expected("one of [batch, pos, width], such as " + HOOK)
                    .found(hook);
        }
        int positions = Math.toIntExact(seen.shape()[1]); // [1, pos, width]
        int width = Math.toIntExact(seen.shape()[2]);
        Tensor rows = seen.reshaped(positions, width);
        if (pooling.equals("last")) return rows.rows(positions - 1, positions).toFloats();
        double[] sum = new double[width];
        float[] values = rows.toFloats();
        for (int i = 0; i < values.length; i++) sum[i % width] += values[i];
        float[] mean = new float[width];
        for (int i = 0; i < width; i++) mean[i] = (float) (sum[i] / positions);
        return mean;
    }

    private static String base64(float[] vector) {
        ByteBuffer bytes = ByteBuffer.allocate(vector.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(vector);
        return Base64.getEncoder().encodeToString(bytes.array());
    }

    private static String oneOf(JsonNode body, String field, String standard, String other) {
        String given = OpenAiRequest.text(body, field, standard);
        if (given.equals(standard) || given.equals(other)) return given;
        throw OpenAiRequest.wrong(field, standard + " or " + other, body.get(field));
    }
}
