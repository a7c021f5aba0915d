package org.llminspector.hook;

import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Glob;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.spec.DecoderSpec;

/** Expansion of hook globs ({@code blocks.*.attn.hook_pattern}, {@code blocks.3.*}, {@code *}) for a model. */
public final class HookPatterns {

    /** Per request; a model has hundreds to thousands of hooks. */
    private static final int MAX_PATTERNS = 2_000;

    private HookPatterns() {}

    /** Every hook of this model, in the order in which data flows. */
    public static SortedSet<HookId> all(DecoderSpec spec) {
        SortedSet<HookId> all = new TreeSet<>();
        for (HookPoint point : HookPoint.values()) {
            for (int layer = point.layered() ? 0 : -1; layer < (point.layered() ? spec.nLayers() : 0); layer++) {
                if (HookPresence.of(point, spec, layer)) all.add(new HookId(point, layer));
            }
        }
        return all;
    }

    /**
     * The hooks that the patterns match ({@link Glob}).
     *
     * @throws Problem for a pattern without a match, with the closest hooks; for a point that this model lacks, with
     *     the reason; for too many or too long patterns
     */
    public static SortedSet<HookId> match(DecoderSpec spec, Collection<String> patterns) {
        Glob.check(patterns, MAX_PATTERNS, "hooks");
        SortedSet<HookId> all = all(spec);
        SortedSet<HookId> matched = new TreeSet<>();
        for (String pattern : patterns) {
            List<HookId> hits =
                    all.stream().filter(id -> Glob.matches(pattern, id.name())).toList();
            if (hits.isEmpty()) throw noMatch(spec, pattern, all);
            matched.addAll(hits);
        }
        return matched;
    }

    private static Problem noMatch(DecoderSpec spec, String pattern, SortedSet<HookId> all) {
        for (HookPoint point : HookPoint.values()) {
            for (int layer = point.layered() ? 0 : -1; layer < (point.layered() ? spec.nLayers() : 0); layer++) {
                HookId id = new HookId(point, layer);
                if (Glob.matches(pattern, id.name())) {
                    return Problem.unsupported(
                                    "this model has no such hook: " + HookAbsence.of(point, spec, Math.max(0, layer)))
                            .where(pattern)
                            .instead("GET /models/{slug}/hooks or `inspector hooks` lists the hooks it has");
                }
            }
        }
        return Problem.invalid("no hook has this name")
                .where(pattern)
                .found(spec.nLayers() + " layers, numbered 0 to " + (spec.nLayers() - 1))
                .instead("closest: "
                        + String.join(
                                ", ",
                                Names.closest(
                                        pattern, all.stream().map(HookId::name).toList())));
    }
}
