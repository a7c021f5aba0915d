package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.hook.HookId;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.SchemeInfo;
import org.llminspector.run.Analyses;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.run.models.Models;
import org.llminspector.run.models.WeightSlice;
import org.llminspector.run.sweep.ImportanceSources;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.HttpProblem;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;
import org.llminspector.web.server.tensor.JsonTensor;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/** Routes of a model's weights and a run's captures: their values, and under quantization schemes. */
public final class WeightRoutes implements Routes {

    record Tensors(List<ModelWeights.Entry> tensors) {}

    record Schemes(List<SchemeInfo> schemes) {}

    private static final String TENSORS = "/api/v1/models/{slug}/tensors";

    private final Models models;
    private final Analyses analyses;
    private final ImportanceSources importances;
    private final RunQueue queue;
    private final RunStream stream;

    public WeightRoutes(
            Models models, Analyses analyses, ImportanceSources importances, RunQueue queue, RunStream stream) {
        this.models = models;
        this.analyses = analyses;
        this.importances = importances;
        this.queue = queue;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/api/v1/schemes", ctx -> Replies.json(ctx, new Schemes(ModelWeights.schemes())));
        routes.get("/api/v1/models/{slug}/quantization", this::quantization);
        routes.get(
                "/api/v1/models/{slug}/sizes",
                ctx -> Replies.json(ctx, models.weights().sizes(slug(ctx), schemes(ctx))));
        routes.get("/api/v1/runs/{id}/captures/{hook}/statistics", this::ofCapture);
        routes.get(
                TENSORS, ctx -> Replies.json(ctx, new Tensors(models.weights().list(slug(ctx)))));
        routes.get(TENSORS + "/<name>/block", this::block);
        routes.get(TENSORS + "/<name>/statistics", this::statistics);
        routes.get(TENSORS + "/<name>", ctx -> {
            if (ctx.queryParam("scheme") == null) tensor(ctx);
            else quantized(ctx);
        });
    }

    private static String slug(Context ctx) {
        return ctx.pathParam("slug");
    }

    private static String name(Context ctx) {
        return ctx.pathParam("name");
    }

    private void quantization(Context ctx) throws Exception {
        QuantScheme scheme = QuantScheme.of(Requests.required(ctx.queryParam("scheme"), "scheme"));
        String slug = slug(ctx);
        String accept = ctx.header("Accept");
        BooleanSupplier cancelled = queue.cancellation();
        if (accept == null || !accept.contains("text/event-stream")) {
            Replies.json(ctx, models.weights().report(slug, scheme, importance(ctx), p -> {}, cancelled));
            return;
        }
        Events events = new Events();
        stream.answer(ctx, events, () -> models.weights()
                .report(slug, scheme, importance(ctx), p -> events.send(new RunEvent("progress", p)), cancelled));
    }

    /** By which errors are weighted too; null where none is asked for. */
    private Importance importance(Context ctx) {
        String name = ctx.queryParam("imatrix");
        return name == null ? null : importances.named(slug(ctx), name, queue.cancellation());
    }

    private void block(Context ctx) throws IOException {
        int row = Requests.number(ctx, "row", 0, 0, Integer.MAX_VALUE);
        int col = Requests.number(ctx, "col", 0, 0, Integer.MAX_VALUE);
        Replies.json(ctx, models.weights().block(slug(ctx), name(ctx), row, col));
    }

    private void statistics(Context ctx) throws IOException {
        Replies.json(
                ctx,
                models.weights().statistics(slug(ctx), name(ctx), schemes(ctx), importance(ctx), queue.cancellation()));
    }

    private void ofCapture(Context ctx) throws IOException {
        HookId hook = HookId.parse(ctx.pathParam("hook"));
        Replies.json(ctx, analyses.runs().statistics(ctx.pathParam("id"), hook, schemes(ctx)));
    }

    /** The named schemes, or all. */
    private static List<QuantScheme> schemes(Context ctx) {
        List<String> names = ctx.queryParams("scheme");
        return names.isEmpty()
                ? QuantScheme.standard()
                : names.stream().map(QuantScheme::of).toList();
    }

    /** A slice under a scheme: several tensors, in safetensors by name, in JSON as fields. */
    private void quantized(Context ctx) throws IOException {
        TensorFormat format = TensorFormat.accepted(ctx);
        if (format == TensorFormat.NPY) {
            throw new HttpProblem(
                    406,
                    "not-acceptable",
                    Problem.invalid("a slice under a scheme is several tensors, and NPY holds one")
                            .where("Accept")
                            .expected("application/octet-stream (safetensors) or application/json"));
        }
        WeightSlice slice = models.weights()
                .slice(slug(ctx), name(ctx), ctx.queryParam("scheme"), parsed(ctx, "rows"), parsed(ctx, "cols"));
        Map<String, Object> head = head(slice);
        Map<String, Tensor> tensors = slice.tensors();
        TensorReply.check(
                format, tensors.values().stream().mapToLong(Tensor::size).sum(), slice.name());
        ctx.header("Vary", "Accept");
        ctx.contentType(format.mediaType());
        if (format == TensorFormat.JSON) {
            JsonTensor.write(ctx.outputStream(), head, tensors);
        } else {
            Map<String, String> metadata =
                    head.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, e -> text(e.getValue())));
            SafetensorsWriter.write(Channels.newChannel(ctx.res().getOutputStream()), tensors, metadata);
        }
    }

    private static Map<String, Object> head(WeightSlice slice) {
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("name", slice.name());
        head.put("format", slice.format());
        head.put("shape", slice.shape());
        head.put("scheme", slice.scheme());
        head.put("rows", slice.rows());
        head.put("cols", slice.cols());
        head.put("group_size", slice.groupSize());
        head.put("first_group", slice.firstGroup());
        return head;
    }

    /** As JSON, except that a text stays as it is. */
    private static String text(Object value) {
        return value instanceof String s ? s : Json.mapper().valueToTree(value).toString();
    }

    private static Slice parsed(Context ctx, String parameter) {
        String text = ctx.queryParam(parameter);
        return text == null ? Slice.ALL : Slice.parse(text, parameter);
    }

    private void tensor(Context ctx) throws IOException {
        String slug = slug(ctx);
        String name = name(ctx);
        TensorFormat format = TensorFormat.accepted(ctx);
        List<Long> shape = models.weights().shape(slug, name);
        Slice rows = slice(ctx, "rows", shape, 1);
        Slice cols = slice(ctx, "cols", shape, 2);
        long values = 1;
        for (int a = 0; a < shape.size(); a++) {
            Slice s = a == 0 ? rows : a == shape.size() - 1 ? cols : Slice.ALL;
            int[] range = s.on(shape.get(a), a == 0 ? "rows" : "cols");
            values *= range[1] - range[0];
        }
        TensorReply.check(format, values, name);
        Tensor tensor = models.weights().tensor(slug, name, rows, cols);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("name", name);
        head.put("dtype", tensor.dtype());
        head.put("shape", tensor.shape());
        head.put("file_shape", shape);
        ctx.header("Vary", "Accept");
        TensorReply.write(ctx, format, name, head, tensor);
    }

    private static Slice slice(Context ctx, String parameter, List<Long> shape, int rank) {
        if (ctx.queryParam(parameter) != null && shape.size() < rank) {
            throw Problem.invalid("the tensor has no such axis")
                    .where(parameter)
                    .expected("at least " + rank + (rank == 1 ? " axis" : " axes"))
                    .found("shape " + shape);
        }
        return parsed(ctx, parameter);
    }
}
