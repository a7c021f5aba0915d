package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonValue;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llminspector.analysis.output.Intervals;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.request.ComparisonRequest.Bound;

/**
 * What a comparison comes to: each measure against two bounds. A measure with a 95 % interval is safe only where the whole interval
 * is within the first bound, and broken only where the whole interval is past the second.
 *
 * @param over what the output measures are of: {@code corpus}, else {@code text}, else {@code prompt}
 * @param sentence the result in a sentence, for a person
 */
public record Verdict(Level level, String over, String sentence, List<Rule> rules) {

    /** Nats below which a KL divergence is rounding of float64 sums. */
    private static final double LEAST = 1e-12;

    /** From good to bad. */
    public enum Level {
        /** Nothing stands above the noise floor. */
        SAME,
        SAFE,
        LOOK,
        BROKEN
    }

    /** What is held against bounds. Where {@code rising} a larger number is worse. */
    public enum Measure {
        NOT_FINITE("Hooks with values that are no numbers", null, true, 0, 0),
        MEAN_KLD("Mean KL divergence", "nats", true, 0.02, 0.5),
        SAME_TOP("Same most probable token", "share", false, 0.95, 0.8),
        PPL_RATIO("Perplexity ratio", null, true, 1.02, 1.5),
        MODULE_ERROR("Largest error of a module on A's inputs", "of its length", true, 0.25, 0.8);

        private final String what;
        private final String unit;
        private final boolean rising;
        private final double look;
        private final double broken;

        Measure(String what, String unit, boolean rising, double look, double broken) {
            this.what = what;
            this.unit = unit;
            this.rising = rising;
            this.look = look;
            this.broken = broken;
        }

        @JsonValue
        public String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A measure and its bounds.
     *
     * @param value null where it is not finite, which is broken
     * @param low end of the 95 % interval, as {@code high}; null without one
     * @param noise the same measure of A against itself; null where it was not measured
     * @param where the module or hook that it is of, or null
     */
    public record Rule(
            Measure name,
            String what,
            String unit,
            boolean rising,
            Double value,
            Double low,
            Double high,
            Double noise,
            double look,
            double broken,
            String where,
            Level level) {

        String finding() {
            String interval = low == null || low.equals(high) ? "" : " (" + shown(low) + " to " + shown(high) + ")";
            String number = unit == null || unit.equals("share") ? shown(value) : shown(value) + " " + unit;
            return what.substring(0, 1).toLowerCase(Locale.ROOT) + what.substring(1) + " " + number + interval
                    + (where == null || level.compareTo(Level.LOOK) < 0 ? "" : " in " + where);
        }

        /** The finding and the bound that it is past, or that its interval reaches past. */
        String past() {
            double bound = level == Level.BROKEN ? broken : look;
            boolean past = value == null || (rising ? value > bound : value < bound);
            String side = rising ? "above " : "below ";
            return finding() + (past ? ", " : ", which may lie ") + side + shown(bound);
        }

        private String shown(Double x) {
            if (x == null) return "no number";
            if (unit != null && unit.equals("share")) return digits(100 * x) + " %";
            return digits(x);
        }

        /** Four significant digits, without trailing zeros. */
        private static String digits(double x) {
            if (!Double.isFinite(x)) return "no number";
            if (x != 0 && Math.abs(x) < 1e-6) return String.format(Locale.ROOT, "%.1e", x);
            return new BigDecimal(x)
                    .round(new MathContext(4))
                    .stripTrailingZeros()
                    .toPlainString();
        }
    }

    /** Collects the rules of one comparison. */
    static final class Rules {

        private final Map<String, Bound> bounds;
        private final OutputMeasures itself;
        private final List<Rule> rules = new ArrayList<>();

        /**
         * @param bounds by the measure's name, in place of its defaults; or null
         * @param itself A against itself; or null
         */
        Rules(Map<String, Bound> bounds, OutputMeasures itself) {
            this.bounds = bounds;
            this.itself = itself;
        }

        /** @param where the first of them, or null */
        Rules notFinite(int hooks, String where) {
            rules.add(rule(Measure.NOT_FINITE, (double) hooks, null, null, null, where, bounds));
            return this;
        }

        Rules outputs(OutputMeasures o) {
            add(Measure.MEAN_KLD, o.meanKld(), OutputMeasures::meanKld);
            add(Measure.SAME_TOP, o.sameTop(), OutputMeasures::sameTop);
            if (o.pplRatio() != null) add(Measure.PPL_RATIO, o.pplRatio(), OutputMeasures::pplRatio);
            return this;
        }

        private void add(Measure m, Estimate e, Function<OutputMeasures, Estimate> noise) {
            OutputMeasures.Interval ends = e.ends();
            Double low = ends == null ? null : (Double) ends.low();
            Double high = ends == null ? null : (Double) ends.high();
            rules.add(rule(m, e.value(), low, high, noise(noise), null, bounds));
        }

        Rules outputs(CorpusDivergence o) {
            add(Measure.MEAN_KLD, o.meanKld(), DoubleUnaryOperator.identity(), OutputMeasures::meanKld);
            add(Measure.SAME_TOP, o.sameTop(), DoubleUnaryOperator.identity(), OutputMeasures::sameTop);
            add(Measure.PPL_RATIO, o.deltaNll(), Math::exp, OutputMeasures::pplRatio);
            return this;
        }

        private void add(
                Measure m, Intervals.Mean mean, DoubleUnaryOperator f, Function<OutputMeasures, Estimate> noise) {
            Double low = mean.low() == null ? null : (Double) f.applyAsDouble(mean.low());
            Double high = mean.high() == null ? null : (Double) f.applyAsDouble(mean.high());
            rules.add(rule(m, f.applyAsDouble(mean.value()), low, high, noise(noise), null, bounds));
        }

        private Double noise(Function<OutputMeasures, Estimate> measure) {
            Estimate e = itself == null ? null : measure.apply(itself);
            return e == null ? null : (Double) e.value();
        }

        /** @param error the largest that a module makes on A's inputs; null where it is not finite */
        Rules module(Double error, String module) {
            rules.add(rule(Measure.MODULE_ERROR, error, null, null, null, module, bounds));
            return this;
        }

        /**
         * @param count positions or tokens
         * @param factor multiple of the noise floor up to which a difference is rounding
         * @param hooks whether no hook passes that bound; null where no hooks were compared
         */
        Verdict verdict(String over, long count, double factor, Boolean hooks) {
            Level worst = rules.stream()
                    .map(Rule::level)
                    .max(Comparator.naturalOrder())
                    .orElseThrow();
            Rule kld = rules.stream()
                    .filter(r -> r.name() == Measure.MEAN_KLD)
                    .findFirst()
                    .orElseThrow();
            boolean within = kld.value() != null
                    && kld.value() <= factor * Math.max(kld.noise() == null ? 0 : kld.noise(), LEAST);
            if (worst == Level.SAFE && within && !Boolean.FALSE.equals(hooks)) worst = Level.SAME;
            return new Verdict(worst, over, sentence(worst, over, count, hooks != null, rules), rules);
        }
    }

    private static String sentence(Level level, String over, long count, boolean hooks, List<Rule> rules) {
        String read = Plural.of(count, "prompt".equals(over) ? "position" : "token") + " of the " + over;
        if (level == Level.SAME) {
            return "The same: over " + read
                    + (hooks ? " nothing that B computes differs by more" : " the outputs differ by no more")
                    + " than rounding does.";
        }
        String list = rules.stream()
                .filter(r -> level == Level.SAFE ? r.name() != Measure.NOT_FINITE : r.level() == level)
                .map(level == Level.SAFE ? Rule::finding : Rule::past)
                .collect(Collectors.joining("; "));
        return switch (level) {
            case SAFE -> "Safe over " + read + ": " + list + ". All within their bounds.";
            case LOOK -> "Look here, over " + read + ": " + list + ".";
            default -> "Broken, over " + read + ": " + list + ".";
        };
    }

    private static Rule rule(
            Measure m, Double value, Double low, Double high, Double noise, String where, Map<String, Bound> bounds) {
        Bound asked = bounds == null ? null : bounds.get(m.label());
        double look = asked == null || asked.look() == null ? m.look : asked.look();
        double broken = asked == null || asked.broken() == null ? m.broken : asked.broken();
        Double best = m.rising ? low : high;
        Double worst = m.rising ? high : low;
        Level level = level(m.rising, best == null ? value : best, worst == null ? value : worst, look, broken);
        return new Rule(
                m,
                m.what,
                m.unit,
                m.rising,
                finite(value),
                finite(low),
                finite(high),
                noise,
                look,
                broken,
                where,
                level);
    }

    private static Level level(boolean rising, Double best, Double worst, double look, double broken) {
        if (best == null || !Double.isFinite(best)) return Level.BROKEN;
        if (rising ? best > broken : best < broken) return Level.BROKEN;
        return (rising ? worst > look : worst < look) ? Level.LOOK : Level.SAFE;
    }

    private static Double finite(Double x) {
        return x == null || !Double.isFinite(x) ? null : x;
    }

    /** Refuses a name that no measure has, and bounds in the wrong order. */
    public static void check(Map<String, Bound> bounds) {
        if (bounds == null) return;
        bounds.forEach((name, bound) -> {
            Measure m = Arrays.stream(Measure.values())
                    .filter(x -> x.label().equals(name))
                    .findFirst()
                    .orElseThrow(() -> Problem.invalid("there is no such measure")
                            .where("options.bounds")
                            .expected(Arrays.stream(Measure.values())
                                    .map(Measure::label)
                                    .collect(Collectors.joining(", ")))
                            .found(Problem.shown(name)));
            double look = bound.look() == null ? m.look : bound.look();
            double broken = bound.broken() == null ? m.broken : bound.broken();
            if (m.rising ? look <= broken : look >= broken) return;
            throw Problem.invalid("the bounds are in the wrong order")
                    .where("options.bounds: " + name)
                    .expected("look " + (m.rising ? "at most" : "at least") + " broken")
                    .found("look " + look + ", broken " + broken);
        });
    }
}
