package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.List;
import java.util.Map;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.run.learn.DescentRequest;
import org.llminspector.run.learn.GradientsAnswer;
import org.llminspector.run.learn.GradientsRequest;
import org.llminspector.run.learn.LearnerStep;
import org.llminspector.run.learn.Learners;
import org.llminspector.run.learn.Learning;
import org.llminspector.run.learn.LessonRequest;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.tensor.TensorFormat;

/** Routes of training step by step: gradients, single updates, optimizers on a loss surface. */
public final class LearningRoutes implements Routes {

    record OpenLearner(String model, String device) {}

    record OpenLearners(List<Learners.Info> learners) {}

    public static final String LEARNERS = "/api/v1/learners";

    private final Learning learning;

    public LearningRoutes(Learning learning) {
        this.learning = learning;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/gradients", this::gradients);
        routes.post("/api/v1/optimizers", this::optimizers);
        routes.post(
                "/api/v1/lessons", ctx -> Replies.json(ctx, learning.lessons(Requests.body(ctx, LessonRequest.class))));
        routes.get(
                LEARNERS,
                ctx -> Replies.json(ctx, new OpenLearners(learning.learners().list())));
        routes.post(LEARNERS, this::openLearner);
        routes.get(
                LEARNERS + "/{id}", ctx -> Replies.json(ctx, learning.learners().info(id(ctx))));
        routes.delete(LEARNERS + "/{id}", this::closeLearner);
        routes.post(LEARNERS + "/{id}/steps", this::step);
        routes.post(
                LEARNERS + "/{id}/undo",
                ctx -> Replies.json(ctx, learning.learners().undo(id(ctx))));
    }

    private static String id(Context ctx) {
        return ctx.pathParam("id");
    }

    /** Gradients as JSON, or, if accepted, those at the hooks as safetensors. */
    private void gradients(Context ctx) throws IOException {
        GradientsRequest request = Requests.body(ctx, GradientsRequest.class);
        String accept = ctx.header("Accept");
        GradientsAnswer answer = learning.gradients(request);
        if (accept == null || !accept.contains(TensorFormat.SAFETENSORS.mediaType())) {
            Replies.json(ctx, answer);
            return;
        }
        ctx.contentType(TensorFormat.SAFETENSORS.mediaType());
        Map<String, String> metadata = Map.of("model", answer.model(), "value", Double.toString(answer.value()));
        SafetensorsWriter.write(Channels.newChannel(ctx.res().getOutputStream()), answer.tensors(), metadata);
    }

    private void optimizers(Context ctx) throws IOException {
        Replies.json(ctx, learning.descend(Requests.body(ctx, DescentRequest.class)));
    }

    private void openLearner(Context ctx) throws IOException {
        OpenLearner r = Requests.optionalBody(ctx, OpenLearner.class);
        Learners.Info info = learning.learner(r.model(), r.device());
        ctx.header("Location", LEARNERS + "/" + info.id());
        Replies.json(ctx, 201, info);
    }

    private void closeLearner(Context ctx) {
        learning.learners().close(id(ctx));
        ctx.status(204);
    }

    private void step(Context ctx) throws IOException {
        Replies.json(ctx, learning.learners().step(id(ctx), Requests.body(ctx, LearnerStep.class)));
    }
}
