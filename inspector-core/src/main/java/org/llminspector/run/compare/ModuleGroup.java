package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Glob;
import org.llminspector.base.Problem;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.PrecisionPlan.Choice;
import org.llminspector.run.request.SensitivityRequest.By;
import org.llminspector.spec.DecoderSpec;

/**
 * Matrices of a model whose precision is changed together.
 *
 * @param whole whether it contains all matrices whose names begin with its own
 */
record ModuleGroup(String name, List<String> matrices, boolean whole) {

    private static final int MAX_PATTERNS = 2_000;

    /**
     * Groups, in data-flow order, of the matrices that match the patterns and whose precision differs between two
     * plans.
     */
    static List<ModuleGroup> of(DecoderSpec spec, By by, List<String> patterns, PrecisionPlan from, PrecisionPlan to) {
        List<String> all = PrecisionPlan.modules(spec);
        if (patterns != null) Glob.check(patterns, MAX_PATTERNS, "sensitivity.modules");
        for (String pattern : patterns == null ? List.<String>of() : patterns) {
            if (all.stream().anyMatch(m -> PrecisionPlan.matches(pattern, m))) continue;
            throw Problem.invalid("no module of this model has such a name")
                    .where("sensitivity.modules")
                    .expected("a name or a glob, such as blocks.0.*, blocks.*.mlp.out or unembed")
                    .found(Problem.shown(pattern));
        }
        // A tied embedding can keep its precision alone, but is lowered only with the unembedding.
        boolean joins = all.contains("embed")
                && !from.with("embed", to.at("embed")).at("embed").equals(to.at("embed"));
        Map<String, List<String>> groups = new LinkedHashMap<>();
        for (String m : all) {
            if (patterns != null && patterns.stream().noneMatch(p -> PrecisionPlan.matches(p, m))) continue;
            if (m.equals("embed") && joins) continue;
            List<String> changed = m.equals("unembed") && joins ? List.of("embed", m) : List.of(m);
            for (String c : changed) {
                if (!from.at(c).equals(to.at(c)))
                    groups.computeIfAbsent(name(m, by), n -> new ArrayList<>()).add(c);
            }
        }
        List<ModuleGroup> result = new ArrayList<>();
        groups.forEach((name, matrices) -> {
            long begin = all.stream().filter(m -> m.startsWith(name + ".")).count();
            result.add(new ModuleGroup(name, matrices, begin == matrices.size()));
        });
        return result;
    }

    /** Name of the group: {@code blocks.3.attn.q} belongs to {@code blocks.3}, {@code blocks.3.attn} or itself. */
    private static String name(String matrix, By by) {
        if (by == By.MATRIX || !matrix.startsWith("blocks.")) return matrix;
        String attention = matrix.substring(0, matrix.lastIndexOf('.'));
        return by == By.MODULE ? attention : attention.substring(0, attention.lastIndexOf('.'));
    }

    /** The plan, with these matrices in the other plan's precision. */
    PrecisionPlan change(PrecisionPlan plan, PrecisionPlan to) {
        Choice first = to.at(matrices.get(0));
        if (whole && matrices.stream().allMatch(m -> to.at(m).equals(first))) return plan.with(name + ".*", first);
        for (String m : matrices) plan = plan.with(m, to.at(m));
        return plan;
    }
}
