package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.analysis.output.Divergence;
import org.llminspector.hook.HookId;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;

/** Distances between two models' activations on the same tokens; nothing is stored. */
public final class Distances {

    /** Default hooks. */
    private static final List<String> HOOKS = List.of("hook_embed", "blocks.*.hook_resid_post");

    /**
     * The two sides and the hooks.
     *
     * @param a the reference side; its {@code capture}, {@code generate} and {@code name} are not used
     * @param b the other side, which reads A's tokens unless it has the same number of its own
     * @param hooks names or globs; by default hook_embed and every block's hook_resid_post
     */
    public record Request(RunRequest a, RunRequest b, List<String> hooks) {}

    /**
     * One row per hook, in data-flow order.
     *
     * @param skipped hooks that one side lacks or whose size differs
     */
    public record Answer(
            String a, String b, int positions, List<Row> hooks, List<ComparisonManifest.Skipped> skipped) {}

    /**
     * Distances at one hook, relative to A.
     *
     * @param layer null outside the blocks
     * @param relativeL2 |b - a| / |a| over all positions together; null where a is zero and b is not
     * @param byPosition the same at each position
     * @param cosine a . b / (|a| |b|), over all positions and at each
     */
    public record Row(
            HookId hook,
            Integer layer,
            Double relativeL2,
            Double cosine,
            List<Double> byPosition,
            List<Double> cosineByPosition) {

        static Row of(HookId hook, Divergence d) {
            return new Row(
                    hook,
                    hook.layer() < 0 ? null : hook.layer(),
                    HookComparison.finite(d.all().relativeL2()),
                    HookComparison.finite(d.all().cosine()),
                    positions(d, Divergence.Metric.RELATIVE_L2),
                    positions(d, Divergence.Metric.COSINE));
        }

        private static List<Double> positions(Divergence d, Divergence.Metric metric) {
            return IntStream.range(0, d.positions())
                    .mapToObj(p -> HookComparison.finite(
                            metric == Divergence.Metric.COSINE
                                    ? d.at(p).cosine()
                                    : d.at(p).relativeL2()))
                    .toList();
        }
    }

    private Distances() {}

    static List<String> hooks(Request request) {
        return request.hooks() == null ? HOOKS : request.hooks();
    }

    static Answer of(ComparisonSide a, ComparisonSide b, HookComparison hooks) {
        int[] idsA = a.run().ids();
        int[] idsB = b.run().ids();
        for (List<HookId> chunk : hooks.chunks(idsA.length)) hooks.compare(idsA, idsB, chunk);
        List<Row> rows = new ArrayList<>();
        hooks.each((hook, d) -> rows.add(Row.of(hook, d)));
        return new Answer(a.folder().slug(), b.folder().slug(), idsA.length, rows, hooks.skipped());
    }
}
