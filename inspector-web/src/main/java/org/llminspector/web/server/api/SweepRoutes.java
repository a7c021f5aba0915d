package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.parquet.ParquetTable;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.SweepJob;
import org.llminspector.run.sweep.SweepJobs;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.TokenLosses;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/** Routes that begin, watch, read and delete sweeps over a corpus. */
public final class SweepRoutes implements Routes {

    record Listed(List<SweepJob> sweeps) {}

    record Results(List<SweepResults.Entry> results) {}

    private enum First {
        MOST,
        LEAST
    }

    private static final String SWEEPS = "/api/v1/sweeps";

    private static final String PARQUET = "application/vnd.apache.parquet";

    /** Most tokens of an answer. */
    private static final int MOST_TOKENS = 1000;

    private final SweepJobs sweeps;
    private final RunQueue queue;
    private final RunStream stream;

    public SweepRoutes(SweepJobs sweeps, RunQueue queue, RunStream stream) {
        this.sweeps = sweeps;
        this.queue = queue;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post(SWEEPS, this::begin);
        routes.get(SWEEPS, ctx -> Replies.json(ctx, new Listed(sweeps.list())));
        routes.get(SWEEPS + "/{id}", this::job);
        routes.delete(SWEEPS + "/{id}", this::delete);
        routes.post(SWEEPS + "/{id}/stop", ctx -> Replies.json(ctx, sweeps.stop(id(ctx))));
        routes.post(SWEEPS + "/{id}/resume", ctx -> Replies.json(ctx, sweeps.resume(id(ctx))));
        routes.get(
                SWEEPS + "/{id}/results",
                ctx -> Replies.json(ctx, new Results(sweeps.results(id(ctx)).entries())));
        routes.get(SWEEPS + "/{id}/results/{kind}", this::tensor);
        routes.get(SWEEPS + "/{id}/imatrix.gguf", this::imatrix);
        routes.get(SWEEPS + "/{id}/evaluation.jsonl", this::evaluation);
        routes.get(SWEEPS + "/{id}/tokens", this::tokens);
        routes.get(SWEEPS + "/{id}/units/{hook}/{unit}", this::unit);
    }

    private static String id(Context ctx) {
        return ctx.pathParam("id");
    }

    private void begin(Context ctx) throws IOException {
        SweepJob job = sweeps.begin(Requests.body(ctx, SweepRequest.class));
        ctx.header("Location", SWEEPS + "/" + job.id());
        Replies.json(ctx, 201, job);
    }

    /** A sweep's state, or its events until it ends. A disconnect does not stop it. */
    private void job(Context ctx) throws Exception {
        String id = id(ctx);
        String accept = ctx.header("Accept");
        if (accept == null || !accept.contains("text/event-stream")) {
            Replies.json(ctx, sweeps.job(id));
            return;
        }
        stream.bounded(() -> {
            Events events = new Events();
            BooleanSupplier gone = queue.cancellation();
            stream.answer(ctx, events, () -> sweeps.watch(id, p -> events.send(new RunEvent("progress", p)), gone));
            return null;
        });
    }

    private void delete(Context ctx) {
        sweeps.delete(id(ctx));
        ctx.status(204);
    }

    /** One tensor, or without a name all of the reducer's, as the file that has them; a table as Parquet. */
    private void tensor(Context ctx) throws IOException {
        String kind = ctx.pathParam("kind");
        if (String.valueOf(ctx.header("Accept")).contains(PARQUET)) {
            ParquetTable table = sweeps.results(id(ctx)).table(kind, Requests.required(ctx.queryParam("name"), "name"));
            ctx.contentType(PARQUET).header("Vary", "Accept");
            table.write(ctx.res().getOutputStream());
            return;
        }
        TensorFormat format = TensorFormat.accepted(ctx);
        ctx.header("Vary", "Accept");
        if (ctx.queryParam("name") == null && format == TensorFormat.SAFETENSORS) {
            Path file = sweeps.results(id(ctx)).file(kind);
            ctx.contentType(format.mediaType()).result(Reads.stream(file));
            return;
        }
        String name = Requests.required(ctx.queryParam("name"), "name");
        Tensor values = sweeps.results(id(ctx)).tensor(kind, name);
        TensorReply.check(format, values.size(), name);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("kind", kind);
        head.put("name", name);
        head.put("shape", values.shape());
        TensorReply.write(ctx, format, kind + "/" + name, head, values);
    }

    private void imatrix(Context ctx) throws IOException {
        Path file = sweeps.imatrix(id(ctx));
        ctx.header("Content-Disposition", "attachment; filename=\"" + id(ctx) + "-imatrix.gguf\"");
        ctx.contentType("application/octet-stream").result(Reads.stream(file));
    }

    private void evaluation(Context ctx) throws IOException {
        ctx.contentType("application/x-ndjson").result(Reads.stream(sweeps.evaluation(id(ctx))));
    }

    private void tokens(Context ctx) throws IOException {
        TokenLosses.Order order = new TokenLosses.Order(
                Requests.choice(ctx, "by", TokenLosses.By.TOTAL, TokenLosses.By.class),
                Requests.choice(ctx, "order", First.MOST, First.class) == First.MOST,
                Requests.number(ctx, "least", 1, 1, Integer.MAX_VALUE),
                Requests.number(ctx, "limit", 20, 1, MOST_TOKENS));
        Replies.json(ctx, sweeps.tokens(id(ctx), order));
    }

    private void unit(Context ctx) throws IOException {
        String unit = ctx.pathParam("unit");
        if (!unit.matches("[0-9]{1,9}")) {
            throw Problem.invalid("this is not a unit's number")
                    .where("unit")
                    .expected("a whole number from 0")
                    .found(Problem.shown(unit));
        }
        Replies.json(ctx, sweeps.unit(id(ctx), ctx.pathParam("hook"), Integer.parseInt(unit)));
    }
}
