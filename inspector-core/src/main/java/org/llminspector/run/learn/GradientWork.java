package org.llminspector.run.learn;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.stream.LongStream;
import org.llminspector.analysis.Norms;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookShape;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.Prompt;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/** A {@link GradientsRequest} validated against its model. */
record GradientWork(
        ModelFolder folder, List<Token> tokens, GradientRequest request, boolean withValues, String device) {

    private static final long MAX_VALUES = 1_000_000;

    static GradientWork of(GradientsRequest r, ModelFolder folder, CaptureBudget budget) {
        DecoderSpec spec = folder.spec();
        List<Token> tokens = Prompt.of(r.asRun(), folder).tokens();
        int[] ids = tokens.stream().mapToInt(Token::id).toArray();
        SortedSet<HookId> hooks = HookPatterns.match(spec, r.hooks() == null ? List.of() : r.hooks());
        budget.check(spec, hooks, ids.length);
        boolean values = r.values() != null && r.values();
        if (values) checkValues(spec, hooks, ids.length);
        return new GradientWork(
                folder,
                tokens,
                new GradientRequest(
                        ids,
                        r.targets() == null ? nextTokens(ids) : targets(r.targets(), spec, ids.length),
                        hooks,
                        r.parameters() == null || r.parameters()),
                values,
                r.device() == null ? "auto" : r.device());
    }

    private static void checkValues(DecoderSpec spec, SortedSet<HookId> hooks, int positions) {
        long values = hooks.stream()
                .mapToLong(h ->
                        Tensor.elements(HookShape.of(h.point(), spec, Math.max(0, h.layer()), positions, positions)))
                .sum();
        if (values <= MAX_VALUES) return;
        throw Problem.tooLarge("these are too many values for JSON")
                .where("values")
                .expected("at most " + MAX_VALUES + " values")
                .found(values + " values")
                .instead("name fewer hooks, or ask for Accept: application/octet-stream (safetensors)");
    }

    private static List<GradientRequest.Target> nextTokens(int[] ids) {
        if (ids.length < 2) {
            throw Problem.invalid("a single token has no next one to predict")
                    .where("targets")
                    .expected("targets, or a longer prompt");
        }
        List<GradientRequest.Target> targets = new ArrayList<>();
        for (int t = 0; t + 1 < ids.length; t++) {
            targets.add(new GradientRequest.Target(t, ids[t + 1], Of.NLL, 1.0 / (ids.length - 1)));
        }
        return targets;
    }

    private static List<GradientRequest.Target> targets(
            List<GradientsRequest.Target> given, DecoderSpec spec, int positions) {
        if (given.isEmpty())
            throw Problem.invalid("there is no target").where("targets").expected("at least one");
        List<GradientRequest.Target> targets = new ArrayList<>();
        for (int i = 0; i < given.size(); i++) {
            GradientsRequest.Target t = given.get(i);
            String at = "targets[" + i + "].";
            int pos = t.pos() == null ? positions - 1 : t.pos() < 0 ? positions + t.pos() : t.pos();
            within(pos, positions, at + "pos", t.pos());
            if (t.token() == null)
                throw Problem.invalid("a field is missing").where(at + "token").expected("a token's id");
            within(t.token(), spec.vocab(), at + "token", t.token());
            double weight = t.weight() == null ? 1 : t.weight();
            targets.add(new GradientRequest.Target(pos, t.token(), t.of() == null ? Of.NLL : t.of(), weight));
        }
        return targets;
    }

    private static void within(int n, int size, String where, Object found) {
        if (n >= 0 && n < size) return;
        throw Problem.invalid("the index is out of range")
                .where(where)
                .expected("0 to " + (size - 1))
                .found(found);
    }

    GradientsAnswer on(InspectorEngine engine) {
        Gradients g = engine.gradients(request);
        List<GradientsAnswer.TargetValue> targets = new ArrayList<>();
        for (int i = 0; i < request.targets().size(); i++) {
            GradientRequest.Target t = request.targets().get(i);
            targets.add(new GradientsAnswer.TargetValue(
                    t.pos(),
                    folder.token(t.token()),
                    t.of(),
                    t.weight(),
                    g.targets().get(i)));
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        List<GradientsAnswer.HookGradient> hooks = new ArrayList<>();
        g.hooks().forEach((id, tensor) -> {
            tensors.put(id.name(), tensor);
            hooks.add(summary(id, tensor));
        });
        return new GradientsAnswer(folder.slug(), tokens, g.value(), targets, hooks, g.parameters(), tensors);
    }

    private GradientsAnswer.HookGradient summary(HookId id, Tensor tensor) {
        float[] values = tensor.toFloats();
        double max = 0;
        for (float v : values) max = Math.max(max, Math.abs(v));
        return new GradientsAnswer.HookGradient(
                id.name(),
                id.point().axes().stream().map(Axis::label).toList(),
                LongStream.of(tensor.shape()).boxed().toList(),
                Norms.of(values),
                max,
                id.point().axisIndex(Axis.POS) == 1 ? Norms.byPosition(tensor) : null,
                withValues ? values : null);
    }
}
