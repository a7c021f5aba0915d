package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunManifest;
import org.llminspector.run.RunStore;

/** CaptureRoutes hand out what runs captured: one tensor or a slice of it, or all of a run as a file. */
final class CaptureRoutes {

    record Captures(List<RunManifest.CaptureEntry> captures) {}

    /** A run's captures never change, and its id is never used again. */
    private static final String FOREVER = "private, max-age=31536000, immutable";

    private final RunStore runs;

    CaptureRoutes(Inspector inspector) {
        this.runs = inspector.runs();
    }

    void register(RoutesConfig routes) {
        routes.get("/api/v1/runs/{id}/captures", this::list);
        routes.get("/api/v1/runs/{id}/captures/{hook}", this::capture);
        routes.get("/api/v1/runs/{id}/export", this::export);
    }

    private void list(Context ctx) throws IOException {
        Replies.json(ctx, new Captures(runs.manifest(ctx.pathParam("id")).captures()));
    }

    private void capture(Context ctx) throws IOException {
        String run = ctx.pathParam("id");
        HookId hook = HookId.parse(ctx.pathParam("hook"));
        TensorFormat format = TensorFormat.accepted(ctx);
        Tensor whole = runs.capture(run, hook);
        int[][] ranges = ranges(ctx, hook, whole.shape());
        long values = 1;
        StringBuilder etag = new StringBuilder("\"" + run + "-" + hook);
        for (int[] range : ranges) {
            values *= range[1] - range[0];
            etag.append('-').append(range[0]).append(':').append(range[1]);
        }
        etag.append('-').append(format).append('"');
        ctx.header("ETag", etag.toString());
        ctx.header("Cache-Control", FOREVER);
        ctx.header("Vary", "Accept");
        if (etag.toString().equals(ctx.header("If-None-Match"))) {
            ctx.status(304);
            return;
        }
        TensorReply.check(format, values, hook.name());
        Tensor part = whole.slice(ranges);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("hook", hook);
        head.put("dtype", part.dtype());
        head.put("shape", part.shape());
        head.put("axes", hook.point().axes().stream().map(Axis::label).toList());
        TensorReply.write(ctx, format, hook.name(), head, part);
    }

    /** One [start, stop) an axis, from the query parameters that are named as the axes are. */
    private static int[][] ranges(Context ctx, HookId hook, long[] shape) {
        Map<String, Integer> axes = parameters(hook);
        for (String name : new TreeSet<>(ctx.queryParamMap().keySet())) {
            if (axes.containsKey(name)) continue;
            throw Problem.invalid("the hook has no such axis")
                    .where(name)
                    .expected("for " + hook + " one of " + String.join(", ", axes.keySet()))
                    .found("?" + name + "=" + ctx.queryParam(name));
        }
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) ranges[a] = Slice.ALL.on(shape[a], hook.name());
        axes.forEach((name, a) -> {
            String text = ctx.queryParam(name);
            if (text != null) ranges[a] = Slice.parse(text, name).on(shape[a], name);
        });
        return ranges;
    }

    /** The axes that can be sliced and their index; whatever the last axis counts is called feature. */
    private static Map<String, Integer> parameters(HookId hook) {
        Map<String, Integer> parameters = new LinkedHashMap<>();
        List<Axis> axes = hook.point().axes();
        for (int a = 0; a < axes.size(); a++) {
            switch (axes.get(a)) {
                case POS, HEAD, QUERY, KEY -> parameters.put(axes.get(a).label(), a);
                case D_HEAD, D_MODEL, D_MLP, VOCAB -> parameters.put("feature", a);
                case BATCH, ONE -> {} // always of size 1
            }
        }
        return parameters;
    }

    private void export(Context ctx) throws IOException {
        String run = ctx.pathParam("id");
        String format = ctx.queryParam("format") == null ? "safetensors" : ctx.queryParam("format");
        if (!format.equals("safetensors") && !format.equals("npz")) {
            throw Problem.invalid("runs are not exported in this format")
                    .where("format")
                    .expected("safetensors or npz")
                    .found('"' + format + '"');
        }
        RunManifest manifest = runs.manifest(run);
        ctx.header("Content-Disposition", "attachment; filename=\"" + run + "." + format + "\"");
        if (format.equals("npz")) {
            ctx.contentType("application/zip");
            List<String> names =
                    manifest.captures().stream().map(c -> c.hook().name()).toList();
            Npy.writeZip(ctx.res().getOutputStream(), names, name -> runs.capture(run, HookId.parse(name)));
            return;
        }
        Path file = runs.captureFile(run);
        ctx.contentType(TensorFormat.SAFETENSORS.mediaType());
        ctx.res().setContentLengthLong(Files.size(file));
        Files.copy(file, ctx.res().getOutputStream());
    }
}
