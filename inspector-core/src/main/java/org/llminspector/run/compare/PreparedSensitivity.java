package org.llminspector.run.compare;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SensitivityRequest;
import org.llminspector.run.request.SensitivityRequest.Direction;

/**
 * A validated sensitivity request: the module groups to change and the tokens to read.
 *
 * @param options with their defaults filled in
 * @param groups changed one at a time
 * @param gradients A's model in float32 on the engine with gradients; null where A has interventions
 */
record PreparedSensitivity(
        SensitivityRequest options, List<ModuleGroup> groups, List<Pass> passes, ComparisonSide gradients) {

    /**
     * One pass on each side.
     *
     * @param from first row compared
     * @param to the row after the last
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Pass(int[] a, int[] b, int from, int to) {

        /** The actual next id after this row, or null. */
        Integer next(int row) {
            return row + 1 < a.length && Arrays.equals(a, b) ? (Integer) a[row + 1] : null;
        }
    }

    /**
     * @param text null to read the prompt
     * @param side prepares a request of A's model
     */
    static PreparedSensitivity of(
            SensitivityRequest asked,
            PreparedRun a,
            PreparedRun b,
            TextWindows text,
            CaptureBudget budget,
            Function<RunRequest, ComparisonSide> side) {
        TextWindows read = text == null ? null : beginning(text, asked.tokens());
        SensitivityRequest options = asked.withDefaults(read == null ? null : read.ids().length);
        if (a.folder() != b.folder()) {
            throw Problem.unsupported("the two sides are not one model: its modules cannot be exchanged")
                    .where("sensitivity, a.model, b.model")
                    .expected("one model in two precisions")
                    .found(a.folder().slug() + " and " + b.folder().slug());
        }
        boolean restore = options.direction() == Direction.RESTORE;
        PreparedRun from = restore ? b : a;
        if (a.folder().capabilities().onePrecision()) {
            throw Problem.unsupported("this model comes in one precision only, the precision that it was exported in")
                    .where("sensitivity, model " + a.folder().slug())
                    .instead("ask it of the model's safetensors");
        }
        EngineKind able = Engines.with(EngineKind.Ability.VARIANTS, from.folder());
        if (!from.request().engine().equals(able.id())) {
            throw Problem.unsupported("the " + from.request().engine() + " engine has one precision for all modules")
                    .where("sensitivity, " + (restore ? "b" : "a") + ".engine")
                    .expected(able.id())
                    .found(from.request().engine())
                    .instead("ask with \"engine\": \"" + able.id()
                            + "\" on that side; A may stay where it is when restoring");
        }
        PrecisionPlan plan = from.request().plan();
        PrecisionPlan other = (restore ? a : b).request().plan();
        List<ModuleGroup> groups = ModuleGroup.of(a.folder().spec(), options.by(), options.modules(), plan, other);
        if (groups.isEmpty()) {
            throw Problem.invalid("there is nothing to change: both sides hold these modules in the same precision")
                    .where("sensitivity, a.precision, b.precision")
                    .expected("two precisions")
                    .found(plan.standard().label() + " and " + other.standard().label());
        }
        List<Pass> passes = read == null
                ? List.of(new Pass(a.ids(), b.ids(), 0, a.ids().length))
                : read.windows().stream()
                        .map(w -> new Pass(w.ids(), w.ids(), w.from(), w.to()))
                        .toList();
        checkLogits(passes, a.folder().spec().vocab(), budget);
        ComparisonSide gradients = a.interventions().isEmpty() ? side.apply(inFloat32(a.request(), a.folder())) : null;
        return new PreparedSensitivity(options, groups, passes, gradients);
    }

    /** On the engine with gradients; what A's weights are decoded from stays. */
    private static RunRequest inFloat32(RunRequest a, ModelFolder folder) {
        PrecisionPlan plan =
                new PrecisionPlan(Precision.FP32, null, null, null, a.plan().simulate());
        return a.toBuilder()
                .engine(Engines.with(EngineKind.Ability.GRADIENTS, folder).id())
                .precision(null)
                .precisionPlan(plan)
                .kvCache(null)
                .build();
    }

    /** The text's first tokens: as many as requested, or as one window contains. */
    private static TextWindows beginning(TextWindows text, Integer tokens) {
        int room = text.window() - text.prefix().length;
        if (tokens != null && tokens < 2) {
            throw Problem.invalid("the number is out of range")
                    .where("sensitivity.tokens")
                    .expected("2 or more")
                    .found(tokens);
        }
        int n = Math.min(tokens == null ? room : tokens, text.ids().length);
        int stride = Math.max(1, Math.min(text.stride(), text.window() / 2));
        return new TextWindows(text.prefix(), Arrays.copyOf(text.ids(), n), text.window(), stride, false);
    }

    /** Checks that A's logits of all passes and one pass of the other side fit the budget. */
    private static void checkLogits(List<Pass> passes, int vocab, CaptureBudget budget) {
        long positions = passes.stream().mapToLong(p -> p.a().length).sum()
                + passes.stream().mapToInt(p -> p.a().length).max().orElse(0);
        long bytes = positions * vocab * Float.BYTES;
        if (bytes <= budget.maxBytes()) return;
        throw Problem.tooLarge("A's logits over these tokens would not fit the budget")
                .where("sensitivity.tokens: " + positions + " positions x " + vocab + " entries")
                .expected("at most " + ByteCount.of(budget.maxBytes()))
                .found(ByteCount.of(bytes))
                .instead("fewer tokens, a smaller options.window, or raise --capture-budget");
    }
}
