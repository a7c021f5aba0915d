package org.llminspector.web.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.run.learn.TrainingJob;
import org.llminspector.run.learn.TrainingJobs;
import org.llminspector.run.learn.TrainingRecords;
import org.llminspector.run.work.RunQueue;
import org.llminspector.train.Recipe;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/** Routes of models' training curves, and of training jobs. */
public final class TrainingRoutes implements Routes {

    /** A recipe as an object or as a file's text, and the changes to it. */
    record JobRequest(JsonNode recipe, String config, String name, Integer steps, Double learningRate, String device) {}

    record ResumeRequest(String device) {}

    record Jobs(List<TrainingJob> jobs) {}

    record Recipes(List<Recipe> recipes) {}

    private static final String JOBS = "/api/v1/training-jobs";
    private static final RecipeText.Change NOTHING = new RecipeText.Change(null, null, null);

    private final TrainingJobs training;
    private final TrainingRecords records;
    private final RunQueue queue;
    private final RunStream stream;

    public TrainingRoutes(TrainingJobs jobs, TrainingRecords records, RunQueue queue, RunStream stream) {
        this.training = jobs;
        this.records = records;
        this.queue = queue;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/api/v1/models/{slug}/curve", this::curve);
        routes.get(
                "/api/v1/models/{slug}/checkpoints",
                ctx -> Replies.json(ctx, records.checkpoints(ctx.pathParam("slug"))));
        routes.get("/api/v1/recipes", ctx -> Replies.json(ctx, recipes()));
        routes.post(JOBS, this::begin);
        routes.get(JOBS, ctx -> Replies.json(ctx, new Jobs(training.list())));
        routes.get(JOBS + "/{id}", this::job);
        routes.delete(JOBS + "/{id}", this::delete);
        routes.get(JOBS + "/{id}/curve", ctx -> Replies.json(ctx, training.curve(id(ctx))));
        routes.post(JOBS + "/{id}/stop", ctx -> Replies.json(ctx, training.stop(id(ctx))));
        routes.post(JOBS + "/{id}/resume", this::resume);
    }

    private static String id(Context ctx) {
        return ctx.pathParam("id");
    }

    private Recipes recipes() {
        return new Recipes(records.recipes().stream()
                .map(file -> RecipeText.read(file, NOTHING))
                .toList());
    }

    private void curve(Context ctx) throws IOException {
        String slug = ctx.pathParam("slug");
        int points = Requests.number(ctx, "points", 0, 2, 100_000);
        Replies.json(ctx, points == 0 ? records.curve(slug) : records.curve(slug, points));
    }

    private void begin(Context ctx) throws IOException {
        JobRequest r = Requests.body(ctx, JobRequest.class, Reads.RECIPE);
        RecipeText.Change change = new RecipeText.Change(r.name(), r.steps(), r.learningRate());
        if ((r.recipe() == null) == (r.config() == null)) {
            throw Problem.invalid("a job needs one recipe")
                    .where("recipe")
                    .expected("either recipe, an object, or config, the text of a recipe's file")
                    .found(r.recipe() == null ? "neither" : "both");
        }
        Recipe recipe = r.recipe() != null
                ? RecipeText.read(r.recipe(), "recipe", change)
                : RecipeText.read(r.config(), "config", change);
        TrainingJob job = training.begin(recipe, device(r.device()));
        ctx.header("Location", JOBS + "/" + job.id());
        Replies.json(ctx, 201, job);
    }

    private void resume(Context ctx) throws IOException {
        ResumeRequest r = Requests.optionalBody(ctx, ResumeRequest.class);
        Replies.json(ctx, training.resume(id(ctx), device(r.device())));
    }

    private void delete(Context ctx) {
        training.delete(id(ctx));
        ctx.status(204);
    }

    private static String device(String given) {
        return given == null ? "auto" : given;
    }

    /** A job's state, or its events until it ends. A disconnect does not stop the job. */
    private void job(Context ctx) throws Exception {
        String id = id(ctx);
        String accept = ctx.header("Accept");
        if (accept == null || !accept.contains("text/event-stream")) {
            Replies.json(ctx, training.job(id));
            return;
        }
        stream.bounded(() -> {
            Events events = new Events();
            BooleanSupplier gone = queue.cancellation();
            stream.answer(ctx, events, () -> training.watch(id, p -> events.send(new RunEvent("progress", p)), gone));
            return null;
        });
    }
}
