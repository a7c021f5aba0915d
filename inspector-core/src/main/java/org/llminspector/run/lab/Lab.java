package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.run.lab.Analysis.Effect;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.side.Answers;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.Direction;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequest.Measure;
import org.llminspector.spec.DecoderSpec;

/** The two runs of an analysis, the number that measures their answers, and measurements of changed runs. On the queue's worker. */
final class Lab {

    private final AnalysisRequest request;
    private final Side clean;
    private final Side corrupt;
    private final Answers answers;
    private final Analysis.Metric metric;
    private final float[] cleanLogits;
    private final float[] corruptLogits;
    private final Direction direction;
    private final Steps steps;

    Lab(AnalysisRequest request, Side clean, Side corrupt, Steps steps) {
        this.request = request;
        this.clean = clean;
        this.corrupt = corrupt;
        this.steps = steps;
        this.direction = direction(request);
        progress("runs", 0, 2);
        clean.readStreams();
        progress("runs", 1, 2);
        corrupt.readStreams();
        int pos = Answers.position(request.metric(), clean.length());
        float[][] a = both(clean, pos);
        float[][] b = both(corrupt, pos);
        this.cleanLogits = a[0];
        this.corruptLogits = b[0];
        Measure standard = request.kind() == Kind.RESTORE ? Measure.KL : Measure.LOGIT_DIFF;
        this.answers = Answers.of(request.metric(), standard, pos, cleanLogits, corruptLogits, clean.folder());
        double m = answers.of(cleanLogits);
        double other = answers.of(corruptLogits);
        double noise = Math.max(
                1e-6 * (1 + Math.abs(m)), Math.max(Math.abs(m - answers.of(a[1])), Math.abs(other - answers.of(b[1]))));
        this.metric = new Analysis.Metric(
                answers.measure(),
                pos,
                answers.answers(clean.folder()),
                answers.against(clean.folder()),
                m,
                other,
                noise);
        if (Math.abs(m - other) <= 10 * noise) {
            throw Problem.invalid("the two runs answer alike: no share of their difference can be told from noise")
                    .where("metric " + answers.measure().name().toLowerCase(java.util.Locale.ROOT))
                    .expected("values that differ by more than 10 times the noise, " + noise)
                    .found("clean " + m + ", corrupt " + other)
                    .instead("take prompts with different answers, or another metric");
        }
    }

    /** The direction; of attribution and edges it follows from the run at which they differentiate. */
    private static Direction direction(AnalysisRequest r) {
        if (r.kind() == Kind.ATTRIBUTION) return "eap".equals(r.convention()) ? Direction.NOISE : Direction.DENOISE;
        if (r.kind() == Kind.EDGES) return Direction.NOISE;
        return r.direction() == null ? Direction.DENOISE : r.direction();
    }

    /** A run's next-token logits, alone and as the last row of a batch of three. */
    private static float[][] both(Side side, int pos) {
        float[][] out = new float[2][];
        side.logits(List.of(List.of()), pos, (row, logits) -> out[0] = logits);
        side.logits(List.of(List.of(), List.of(), List.of()), pos, (row, logits) -> out[1] = logits);
        return out;
    }

    AnalysisRequest request() {
        return request;
    }

    Answers answers() {
        return answers;
    }

    Analysis.Metric metric() {
        return metric;
    }

    Side clean() {
        return clean;
    }

    Side corrupt() {
        return corrupt;
    }

    /** The run that is changed. */
    Side base() {
        return direction == Direction.DENOISE ? corrupt : clean;
    }

    /** The run whose values are put into it. */
    Side source() {
        return direction == Direction.DENOISE ? clean : corrupt;
    }

    float[] baseLogits() {
        return direction == Direction.DENOISE ? corruptLogits : cleanLogits;
    }

    boolean answersDiffer() {
        return Answers.top(cleanLogits) != Answers.top(corruptLogits);
    }

    int top(Side side) {
        return Answers.top(side == clean ? cleanLogits : corruptLogits);
    }

    double baseMetric() {
        return direction == Direction.DENOISE ? metric.corrupt() : metric.clean();
    }

    double sourceMetric() {
        return direction == Direction.DENOISE ? metric.clean() : metric.corrupt();
    }

    DecoderSpec spec() {
        return clean.spec();
    }

    int steps(Integer asked, int standard, int most, String field) {
        int n = asked == null ? standard : asked;
        if (n >= 0 && n <= most) return n;
        throw Problem.invalid("the number is out of range")
                .where(field)
                .expected("0 to " + most)
                .found(n);
    }

    /** The source's value at a hook, of the shape that the changed run has there. */
    Tensor sourceValue(HookId hook) {
        Tensor value = source().value(hook);
        Side.sameShape(hook, base().value(hook), value);
        return value;
    }

    /** The metric of the changed run with each row's patches. */
    double[] measured(List<List<Patch>> rows) {
        double[] out = new double[rows.size()];
        int[] done = {0};
        base().logits(rows, answers.pos(), (row, logits) -> {
            out[row] = answers.of(logits);
            progress("rows", ++done[0], rows.size());
        });
        return out;
    }

    Effect effect(double value) {
        return new Effect(value, metric.normalised(value));
    }

    void progress(String phase, int done, int total) {
        steps.at(phase, done, total);
    }

    /** The hook points of a request, or these where it names none. */
    List<HookPoint> points(List<HookPoint> standard) {
        if (request.points() == null) {
            return standard.stream()
                    .filter(p -> IntStream.range(0, spec().nLayers()).anyMatch(i -> HookPresence.of(p, spec(), i)))
                    .toList();
        }
        if (request.points().isEmpty())
            throw Problem.invalid("the list is empty").where("points").expected("at least one hook point");
        return request.points().stream()
                .map(p -> HookPoint.named(p, "points"))
                .distinct()
                .toList();
    }

    /** All values that a grid changes, of both runs, read in one pass each. */
    void read(List<Grid> grids) {
        List<HookId> hooks = new ArrayList<>();
        for (Grid g : grids) for (Grid.Place p : g.places()) if (p != null) hooks.add(p.hook());
        source().values(hooks);
        base().values(hooks);
    }

    /** What any measurement has to satisfy: a run given its own values, and one given the other's embeddings. */
    List<Invariant> invariants() {
        List<Invariant> all = new ArrayList<>();
        List<HookId> own = new ArrayList<>();
        for (int i = 0; i < spec().nLayers(); i++) {
            for (HookPoint p : Arrays.asList(HookPoint.Z, HookPoint.MLP_OUT)) {
                if (HookPresence.of(p, spec(), i)) own.add(HookId.of(p, i));
            }
        }
        base().values(own);
        List<Patch> same =
                own.stream().map(h -> Patch.whole(h, base().value(h))).toList();
        double noise = 10 * metric.noise() + 1e-4 * Math.abs(metric.clean() - metric.corrupt());
        all.add(Invariant.of(
                "every head and MLP given its own value: the run as it was",
                baseMetric(),
                measured(List.of(same))[0],
                noise));
        if (clean.same(corrupt) && spec().layerInputs() == null) {
            HookId embed = HookId.of(HookPoint.EMBED);
            all.add(Invariant.of(
                    "the embedding given the other run's: the other run",
                    sourceMetric(),
                    measured(List.of(List.of(Patch.whole(embed, sourceValue(embed)))))[0],
                    noise));
        }
        return all;
    }
}
