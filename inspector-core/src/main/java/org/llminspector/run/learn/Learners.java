package org.llminspector.run.learn;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.Norms;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.TorchLearner;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.Prompt;
import org.llminspector.tokenize.Token;

/** Learners are copies of models that a person changes update by update, and back; nobody else's runs see them. */
public final class Learners implements AutoCloseable {

    private static final int MAX_OPEN = 4;
    private static final long MAX_UNDO_BYTES = 256L << 20;

    /**
     * One open learner.
     *
     * @param parameters numbers that it learns
     * @param step updates made
     * @param undoable updates that can be taken back
     */
    public record Info(String id, String model, long parameters, long step, int undoable) {}

    private record Snapshot(Tensor weights, Learner.State state) {}

    private record Open(String id, ModelFolder folder, Learner learner, Deque<Snapshot> undo) {
        Info info() {
            Learner.State state = learner.state();
            return new Info(id, folder.slug(), state.first().size(), state.step(), undo.size());
        }
    }

    private final Map<String, Open> open = new LinkedHashMap<>();
    private int made;

    Learners() {}

    synchronized Info open(ModelFolder folder, String device) {
        if (open.size() >= MAX_OPEN) {
            throw Problem.of(Problem.Kind.CONFLICT, "too many learners are open")
                    .expected("at most " + MAX_OPEN)
                    .found(String.join(", ", open.keySet()))
                    .instead("close one: DELETE /learners/{id}");
        }
        Learner learner = TorchLearner.open(folder.weights(), device);
        Open one = new Open("learner-" + ++made, folder, learner, new ArrayDeque<>());
        open.put(one.id(), one);
        return one.info();
    }

    public synchronized List<Info> list() {
        return open.values().stream().map(Open::info).toList();
    }

    public synchronized Info info(String id) {
        return find(id).info();
    }

    private Open find(String id) {
        Open one = open.get(id);
        if (one != null) return one;
        throw Problem.notFound("there is no such learner")
                .where("learner " + id)
                .found(open.isEmpty() ? "none is open" : String.join(", ", open.keySet()));
    }

    /** Learns the next tokens of a text. */
    public synchronized LearnerStep.Answer step(String id, LearnerStep request) {
        Open one = find(id);
        int[] ids = Prompt.of(request.asRun(one.folder().slug()), one.folder()).tokens().stream()
                .mapToInt(Token::id)
                .toArray();
        if (ids.length < 2) {
            throw Problem.invalid("a single token has no next one to learn")
                    .where("prompt")
                    .expected("at least two tokens");
        }
        int[][] tokens = {ids};
        float[][] mean = {new float[ids.length - 1]};
        Arrays.fill(mean[0], 1f / mean[0].length);
        double before = Double.NaN;
        double norm = 0;
        Tensor gradient = null;
        Tensor last = null;
        int steps = request.count();
        double rate = request.rate();
        double limit = request.limit();
        for (int i = 0; i < steps; i++) {
            last = one.learner().weights();
            remember(one, new Snapshot(last, one.learner().state()));
            double loss = mean(one.learner().accumulate(tokens, mean).nll()[0]);
            if (i == 0) before = loss;
            gradient = one.learner().gradient();
            norm = one.learner().update(request.rule(), rate, limit);
        }
        double after = mean(one.learner().score(tokens).nll()[0]);
        List<LearnerStep.ParameterUpdate> updates = updates(one.learner(), gradient, last);
        Info info = one.info();
        return new LearnerStep.Answer(id, info.step(), before, after, norm, info.undoable(), updates);
    }

    private static void remember(Open one, Snapshot snapshot) {
        one.undo().push(snapshot);
        long each = 3 * snapshot.weights().byteSize();
        while (one.undo().size() > 1 && one.undo().size() * each > MAX_UNDO_BYTES)
            one.undo().removeLast();
    }

    private static List<LearnerStep.ParameterUpdate> updates(Learner learner, Tensor gradient, Tensor before) {
        Tensor after = learner.weights();
        List<LearnerStep.ParameterUpdate> updates = new ArrayList<>();
        for (Parameter p : learner.parameters()) {
            float[] was = p.of(before).toFloats();
            float[] is = p.of(after).toFloats();
            float[] moved = new float[is.length];
            for (int i = 0; i < is.length; i++) moved[i] = is[i] - was[i];
            updates.add(new LearnerStep.ParameterUpdate(
                    p.name(), p.shape(), Norms.of(p.of(gradient).toFloats()), Norms.of(moved), Norms.of(is)));
        }
        return updates;
    }

    /** Takes the last update back: weights and the optimizer's memory. */
    public synchronized Info undo(String id) {
        Open one = find(id);
        Snapshot last = one.undo().poll();
        if (last == null) {
            throw Problem.of(Problem.Kind.CONFLICT, "there is no update to take back")
                    .where("learner " + id);
        }
        one.learner().setWeights(last.weights());
        one.learner().setState(last.state());
        return one.info();
    }

    public synchronized void close(String id) {
        Open one = find(id);
        open.remove(id);
        one.learner().close();
    }

    @Override
    public synchronized void close() {
        open.values().forEach(o -> o.learner().close());
        open.clear();
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float v : values) sum += v;
        return sum / values.length;
    }
}
