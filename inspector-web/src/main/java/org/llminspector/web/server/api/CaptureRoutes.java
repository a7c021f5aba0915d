package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.run.Runs;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.store.PositionRange;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.tensor.Npy;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/**
 * Routes of captures: one tensor, a slice of it, or all of a run as a file; and recapture, which replays a run's tokens
 * for hooks that it lacks.
 */
public final class CaptureRoutes implements Routes {

    record Captures(List<RunManifest.CaptureEntry> captures) {}

    record ExtendRequest(List<String> capture, String positions, Long maxBytes, Boolean dryRun) {}

    /** A run's captures never change, and its id is never used again. */
    private static final String FOREVER = "private, max-age=31536000, immutable";

    /** Without positions in the query the answer may grow when the run is recaptured. */
    private static final String ASK_AGAIN = "private, no-cache";

    private final RunStore runs;
    private final Recaptures recaptures;

    public CaptureRoutes(Runs runs) {
        this.runs = runs.stored();
        this.recaptures = runs.recaptures();
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/api/v1/runs/{id}/captures", this::list);
        routes.post("/api/v1/runs/{id}/captures", this::extend);
        routes.get("/api/v1/runs/{id}/captures/{hook}", this::capture);
        routes.get("/api/v1/runs/{id}/export", this::export);
    }

    private void list(Context ctx) throws IOException {
        Replies.json(ctx, new Captures(runs.manifest(ctx.pathParam("id")).captures()));
    }

    private void extend(Context ctx) throws IOException {
        String run = ctx.pathParam("id");
        ExtendRequest r = Requests.body(ctx, ExtendRequest.class);
        RecaptureRequest wanted = new RecaptureRequest(r.capture(), r.positions(), r.maxBytes());
        if (Boolean.TRUE.equals(r.dryRun())) Replies.json(ctx, recaptures.plan(run, wanted));
        else Replies.json(ctx, 201, recaptures.extend(run, wanted));
    }

    private void capture(Context ctx) throws IOException {
        String run = ctx.pathParam("id");
        HookId hook = HookId.parse(ctx.pathParam("hook"));
        TensorFormat format = TensorFormat.accepted(ctx);
        checkParameters(ctx, hook);
        int axis = hook.point().positionAxis();
        String label = hook.point().axes().get(axis).label();
        String wanted = ctx.queryParam(label);
        RunStore.Captured kept = runs.captured(run, hook, wanted == null ? null : Slice.parse(wanted, label));
        int[][] ranges = ranges(ctx, hook, kept);
        long values = 1;
        StringBuilder etag = new StringBuilder("\"" + run + "-" + hook);
        for (int[] range : ranges) {
            values *= range[1] - range[0];
            etag.append('-').append(range[0]).append(':').append(range[1]);
        }
        etag.append('-').append(format).append('"');
        ctx.header("ETag", etag.toString());
        ctx.header("Cache-Control", kept.whole() || wanted != null ? FOREVER : ASK_AGAIN);
        ctx.header("Vary", "Accept");
        if (etag.toString().equals(ctx.header("If-None-Match"))) {
            ctx.status(304);
            return;
        }
        TensorReply.check(format, values, hook.name());
        int[] stretch = ranges[axis];
        ranges[axis] = new int[] {stretch[0] - kept.start(), stretch[1] - kept.start()};
        Tensor part = kept.tensor().slice(ranges);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("hook", hook);
        head.put("dtype", part.dtype());
        head.put("shape", part.shape());
        head.put("axes", hook.point().axes().stream().map(Axis::label).toList());
        if (!kept.whole()) head.put("positions", new PositionRange(stretch[0], stretch[1]));
        TensorReply.write(ctx, format, hook.name(), head, part);
    }

    private static void checkParameters(Context ctx, HookId hook) {
        Map<String, Integer> axes = parameters(hook);
        for (String name : new TreeSet<>(ctx.queryParamMap().keySet())) {
            if (axes.containsKey(name)) continue;
            throw Problem.invalid("the hook has no such axis")
                    .where(name)
                    .expected("for " + hook + " one of " + String.join(", ", axes.keySet()))
                    .found("?" + name + "=" + ctx.queryParam(name));
        }
    }

    /**
     * One [start, stop) per axis, from the query parameters named as the axes; positions count from the run's start.
     */
    private static int[][] ranges(Context ctx, HookId hook, RunStore.Captured kept) {
        long[] shape = kept.tensor().shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) ranges[a] = Slice.ALL.on(shape[a], hook.name());
        int axis = hook.point().positionAxis();
        ranges[axis] = new int[] {kept.start(), Math.toIntExact(kept.start() + shape[axis])};
        parameters(hook).forEach((name, a) -> {
            String text = ctx.queryParam(name);
            if (text != null) ranges[a] = Slice.parse(text, name).on(a == axis ? kept.positions() : shape[a], name);
        });
        return ranges;
    }

    /** The axes that can be sliced and their indices; the axis of a vector's elements is called feature. */
    private static Map<String, Integer> parameters(HookId hook) {
        Map<String, Integer> parameters = new LinkedHashMap<>();
        List<Axis> axes = hook.point().axes();
        for (int a = 0; a < axes.size(); a++) {
            switch (axes.get(a)) {
                case POS, HEAD, QUERY, KEY -> parameters.put(axes.get(a).label(), a);
                case D_HEAD, D_MODEL, D_MLP, D_LATENT, D_PLE, VOCAB, EXPERT -> parameters.put("feature", a);
                case D_STATE -> parameters.put("state", a);
                case FORM -> parameters.put("form", a);
                case SLOT -> {
                    if (a == axes.size() - 1) parameters.put("feature", a);
                }
                case BATCH, ONE -> {} // size 1
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
            Map<String, Tensor> all = everything(manifest);
            Npy.writeZip(ctx.res().getOutputStream(), List.copyOf(all.keySet()), all::get);
            return;
        }
        ctx.contentType(TensorFormat.SAFETENSORS.mediaType());
        if (!manifest.recaptures().isEmpty()) {
            Map<String, Tensor> all = everything(manifest);
            SafetensorsWriter.write(Channels.newChannel(ctx.res().getOutputStream()), all, Map.of("run", run));
            return;
        }
        try (FileChannel file = runs.openCaptures(run)) {
            ctx.res().setContentLengthLong(file.size());
            Channels.newInputStream(file).transferTo(ctx.res().getOutputStream());
        }
    }

    /** Every tensor of a run by its hook; a stretch of positions is named {@code hook[start:stop]}. */
    private Map<String, Tensor> everything(RunManifest manifest) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        for (RunManifest.CaptureEntry c : manifest.captures()) {
            PositionRange part = c.positions();
            if (part == null) {
                all.put(c.hook().name(), runs.capture(manifest.id(), c.hook()));
            } else {
                RunStore.Captured kept = runs.captured(manifest.id(), c.hook(), Slice.range(part.start(), part.stop()));
                if (!kept.whole()) all.put(c.hook() + "[" + part + "]", kept.tensor());
            }
        }
        return all;
    }
}
