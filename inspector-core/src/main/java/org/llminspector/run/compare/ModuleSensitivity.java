package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.analysis.RankCorrelation;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.analysis.output.TokenDivergence;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.request.SensitivityRequest;
import org.llminspector.run.request.SensitivityRequest.Direction;
import org.llminspector.run.store.Sensitivity;
import org.llminspector.run.work.MemoryLedger;

/**
 * Per-module quantization sensitivity: one side is run over the same tokens with one module at a time in the other
 * side's precision, and each run is compared with A. A's logits are kept meanwhile; the engine is opened once, and each
 * variant prepares only the weights it does not share.
 */
final class ModuleSensitivity {

    /** Gets the progress; may throw to end the measurement. */
    @FunctionalInterface
    interface Steps {
        void at(int done, int total, String note);
    }

    /** One run: the KL divergence from A at each position, and the bytes of its weights. */
    private record Measured(double[] kld, OutputMeasures measures, long bytes) {}

    private final PreparedComparison prepared;
    private final SensitivityRequest options;
    private final boolean restore;
    private final ComparisonSide start;
    private final PrecisionPlan from;
    private final PrecisionPlan to;
    private final List<ModuleGroup> groups;
    private final List<PreparedSensitivity.Pass> passes;
    private final List<Capture> reference = new ArrayList<>();
    private final CaptureBudget budget;
    private final Steps steps;
    private final int total;
    private final long endBytes;
    private int done;

    /** Both sides must be open. A byte budget that no mixed plan can meet is refused before anything is measured. */
    ModuleSensitivity(PreparedComparison prepared, CaptureBudget budget, Steps steps) {
        this.prepared = prepared;
        this.budget = budget;
        this.options = prepared.sensitivity().options();
        this.restore = options.direction() == Direction.RESTORE;
        this.start = restore ? prepared.b() : prepared.a();
        this.from = start.run().request().plan();
        this.to = (restore ? prepared.a() : prepared.b()).run().request().plan();
        this.groups = prepared.sensitivity().groups();
        this.passes = prepared.sensitivity().passes();
        this.steps = steps;
        this.total = 3 + groups.size() + (options.budgetBytes() == null ? 0 : 1);
        PrecisionPlan all = from;
        for (ModuleGroup g : groups) all = g.change(all, to);
        steps.at(0, total, "what all modules " + changed() + " take");
        // Peak memory of the whole measurement: what does not fit is refused before hours of work.
        try (InspectorEngine end = start.engine().variant(all);
                MemoryLedger.Reservation logits = start.reserve("logits", logitBytes())) {
            this.endBytes = end.info().weightBytes();
        }
        long least = Math.min(start.engine().info().weightBytes(), endBytes);
        if (options.budgetBytes() != null && options.budgetBytes() < least) {
            throw Problem.invalid("no mix of the two precisions fits the budget")
                    .where("sensitivity.budget_bytes")
                    .expected(String.format(
                            Locale.ROOT,
                            "at least %,d bytes: all weights with every module %s",
                            least,
                            restore ? "left low" : "lowered"))
                    .found(options.budgetBytes() + " bytes");
        }
    }

    /** Callable once: A's logits are freed afterwards. */
    Sensitivity measure() {
        Sensitivity measured;
        try {
            measured = ranked();
        } finally {
            reference.forEach(Capture::close);
        }
        step("one backward pass of A");
        Sensitivity predicted = predicted(measured);
        steps.at(total, total, Plural.of(predicted.modules().size(), "module") + " ranked");
        return predicted;
    }

    /** Adds the prediction from one backward pass; where that is not possible, the reason. */
    private Sensitivity predicted(Sensitivity s) {
        try {
            ComparisonSide gradients = prepared.gradients();
            if (gradients == null) {
                throw Problem.unsupported("A is changed by interventions, and gradients are of the model as it is");
            }
            Map<String, Double> byMatrix =
                    new FisherPrediction(prepared.a(), prepared.b(), gradients, budget, groups, passes).measure();
            List<Sensitivity.Module> modules = s.modules().stream()
                    .map(m -> m.predicting(
                            m.matrices().stream().mapToDouble(byMatrix::get).sum()))
                    .toList();
            Double rank = RankCorrelation.spearman(
                    modules.stream().mapToDouble(m -> m.effect().value()).toArray(),
                    modules.stream().mapToDouble(Sensitivity.Module::predicted).toArray());
            return s.predicting(modules, rank, null);
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.UNSUPPORTED && p.kind() != Problem.Kind.TOO_LARGE) throw p;
            return s.predicting(s.modules(), null, p.getMessage());
        }
    }

    private Sensitivity ranked() {
        step("A, over " + Plural.of(positions(), "position"));
        for (PreparedSensitivity.Pass p : passes) reference.add(prepared.a().logits(p.a()));
        step(restore ? "B as it is" : "A as it is");
        Measured base = measure(start.engine());
        List<Sensitivity.Module> modules = new ArrayList<>();
        for (ModuleGroup g : groups) {
            step(g.name() + " " + changed());
            modules.add(module(g, measure(g.change(from, to)), base));
        }
        modules.sort(
                Comparator.comparingDouble(ModuleSensitivity::effectPerByte).reversed());
        Sensitivity.MixedPlan plan = options.budgetBytes() == null ? null : plan(modules, base);
        return new Sensitivity(
                options, positions(), base.measures(), base.bytes(), endBytes, List.copyOf(modules), null, null, plan);
    }

    private void step(String note) {
        steps.at(done++, total, note);
    }

    private String changed() {
        String precisions = groups.stream()
                .flatMap(g -> g.matrices().stream())
                .map(m -> to.at(m).precision().label())
                .distinct()
                .collect(Collectors.joining(" or "));
        return (restore ? "restored to " : "lowered to ") + precisions;
    }

    /** A's logits of all passes, and the other side's of the longest pass. */
    private long logitBytes() {
        long rows = passes.stream().mapToLong(p -> p.a().length).sum();
        long longest = passes.stream().mapToLong(p -> p.b().length).max().orElse(0);
        return (rows + longest) * start.spec().vocab() * Float.BYTES;
    }

    private int positions() {
        return passes.stream().mapToInt(p -> p.to() - p.from()).sum();
    }

    private Measured measure(PrecisionPlan plan) {
        try (InspectorEngine variant = start.engine().variant(plan)) {
            return measure(variant);
        }
    }

    private Measured measure(InspectorEngine engine) {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        double[] kld = new double[positions()];
        int at = 0;
        for (int i = 0; i < passes.size(); i++) {
            PreparedSensitivity.Pass p = passes.get(i);
            Capture left = reference.get(i);
            try (Capture right = start.logits(engine, restore ? p.b() : p.a())) {
                for (int row = p.from(); row < p.to(); row++) {
                    float[] a = OutputComparison.row(left, row);
                    float[] b = OutputComparison.row(right, row);
                    TokenDivergence t = TokenDivergence.of(
                            a, b, p.next(row), prepared.options().top());
                    gathering.add(t);
                    kld[at++] = t.kl();
                }
            }
        }
        return new Measured(kld, gathering.measures(), engine.info().weightBytes());
    }

    private Sensitivity.Module module(ModuleGroup group, Measured one, Measured base) {
        double[] effects = new double[one.kld().length];
        int sign = restore ? 1 : -1;
        for (int i = 0; i < effects.length; i++) effects[i] = sign * (base.kld()[i] - one.kld()[i]);
        Estimate effect = Estimate.mean(effects);
        long bytes = sign * (one.bytes() - base.bytes());
        Double perByte = bytes > 0 ? (Double) (effect.value() / bytes) : null;
        return new Sensitivity.Module(
                group.name(), group.matrices(), one.measures().meanKld(), effect, bytes, perByte, null);
    }

    /** Effect per byte; an effect at no cost in bytes ranks highest. */
    private static double effectPerByte(Sensitivity.Module m) {
        if (m.effectPerByte() != null) return m.effectPerByte();
        return m.effect().value() > 0 ? Double.POSITIVE_INFINITY : Double.NEGATIVE_INFINITY;
    }

    private Sensitivity.MixedPlan plan(List<Sensitivity.Module> ranked, Measured base) {
        List<Sensitivity.Module> chosen = restore ? restored(ranked, base.bytes()) : lowered(ranked, base.bytes());
        List<String> names = chosen.stream().map(Sensitivity.Module::module).toList();
        PrecisionPlan plan = from;
        for (ModuleGroup g : groups) if (names.contains(g.name())) plan = g.change(plan, to);
        step("the suggested plan: " + chosen.size() + " of " + Plural.of(ranked.size(), "module") + " " + changed());
        Measured measured = measure(plan);
        double effects = chosen.stream().mapToDouble(m -> m.effect().value()).sum();
        double kld = base.measures().meanKld().value();
        return new Sensitivity.MixedPlan(
                plan,
                groups.stream().map(ModuleGroup::name).filter(names::contains).toList(),
                measured.bytes(),
                Math.max(0, restore ? kld - effects : kld + effects),
                measured.measures(),
                PlanExport.of(
                        start.folder(),
                        plan,
                        prepared.a().run().request().plan(),
                        prepared.b().run().request().plan()));
    }

    /** Greedy in rank order while they fit; a module that is too large is skipped. */
    private List<Sensitivity.Module> restored(List<Sensitivity.Module> ranked, long bytes) {
        List<Sensitivity.Module> chosen = new ArrayList<>();
        for (Sensitivity.Module m : ranked) {
            if (m.effect().value() <= 0 || bytes + m.bytes() > options.budgetBytes()) continue;
            chosen.add(m);
            bytes += m.bytes();
        }
        return chosen;
    }

    /** The least harmful first, until the weights fit the budget. */
    private List<Sensitivity.Module> lowered(List<Sensitivity.Module> ranked, long bytes) {
        List<Sensitivity.Module> harmless = new ArrayList<>(ranked);
        Collections.reverse(harmless);
        List<Sensitivity.Module> chosen = new ArrayList<>();
        for (Sensitivity.Module m : harmless) {
            if (bytes <= options.budgetBytes()) break;
            if (m.bytes() <= 0) continue;
            chosen.add(m);
            bytes -= m.bytes();
        }
        return chosen;
    }
}
