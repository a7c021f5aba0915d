package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Precision;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunRequest;

/** ModelRoutes show the models of this machine: what they are, their hooks and their weights. */
final class ModelRoutes {

    record Hooks(List<Inspector.HookDescription> hooks) {}

    record Tensors(List<Inspector.TensorEntry> tensors) {}

    record OpenRequest(String engine, String device, Precision precision) {}

    private final Inspector inspector;

    ModelRoutes(Inspector inspector) {
        this.inspector = inspector;
    }

    void register(RoutesConfig routes) {
        routes.get("/api/v1/models", this::models);
        routes.get("/api/v1/models/{slug}", ctx -> Replies.json(ctx, inspector.model(slug(ctx))));
        routes.post("/api/v1/models/{slug}/open", this::open);
        routes.get("/api/v1/models/{slug}/hooks", this::hooks);
        routes.get(
                "/api/v1/models/{slug}/tensors", ctx -> Replies.json(ctx, new Tensors(inspector.tensors(slug(ctx)))));
        routes.get("/api/v1/models/{slug}/tensors/<name>", this::tensor);
    }

    private static String slug(Context ctx) {
        return ctx.pathParam("slug");
    }

    private void models(Context ctx) throws IOException {
        Map<String, Object> answer = new LinkedHashMap<>();
        String standard = SystemRoutes.defaultModel(inspector);
        if (standard != null) answer.put("default", standard);
        answer.put("models", inspector.models());
        answer.put("catalog", inspector.catalog());
        Replies.json(ctx, answer);
    }

    private void open(Context ctx) throws IOException {
        OpenRequest how = Requests.optionalBody(ctx, OpenRequest.class);
        RunRequest request = new RunRequest(
                slug(ctx), how.engine(), how.device(), how.precision(), null, null, null, null, null, null, null, null);
        Replies.json(ctx, inspector.load(request));
    }

    private void hooks(Context ctx) throws IOException {
        Replies.json(ctx, new Hooks(inspector.hooks(slug(ctx), ctx.queryParam("engine"))));
    }

    private void tensor(Context ctx) throws IOException {
        String slug = slug(ctx);
        String name = ctx.pathParam("name");
        TensorFormat format = TensorFormat.accepted(ctx);
        List<Long> shape = inspector.tensors(slug).stream()
                .filter(t -> t.name().equals(name))
                .map(Inspector.TensorEntry::shape)
                .findFirst()
                .orElseThrow(() -> Problem.notFound("the model has no such tensor")
                        .where(name)
                        .instead("GET /models/" + slug + "/tensors lists them"));
        Slice rows = slice(ctx, "rows", shape, 1);
        Slice cols = slice(ctx, "cols", shape, 2);
        long values = 1;
        for (int a = 0; a < shape.size(); a++) {
            Slice s = a == 0 ? rows : a == shape.size() - 1 ? cols : Slice.ALL;
            int[] range = s.on(shape.get(a), a == 0 ? "rows" : "cols");
            values *= range[1] - range[0];
        }
        TensorReply.check(format, values, name);
        Tensor tensor = inspector.tensor(slug, name, rows, cols);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("name", name);
        head.put("dtype", tensor.dtype());
        head.put("shape", tensor.shape());
        head.put("file_shape", shape);
        ctx.header("Vary", "Accept");
        TensorReply.write(ctx, format, name, head, tensor);
    }

    private static Slice slice(Context ctx, String parameter, List<Long> shape, int rank) {
        String text = ctx.queryParam(parameter);
        if (text == null) return Slice.ALL;
        if (shape.size() < rank) {
            throw Problem.invalid("the tensor has no such axis")
                    .where(parameter)
                    .expected("at least " + rank + (rank == 1 ? " axis" : " axes"))
                    .found("shape " + shape);
        }
        return Slice.parse(text, parameter);
    }
}
