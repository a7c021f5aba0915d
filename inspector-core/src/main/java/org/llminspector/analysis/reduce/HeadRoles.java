package org.llminspector.analysis.reduce;

import java.util.Locale;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.HeadSums;
import org.llminspector.analysis.HeadSums.Role;
import org.llminspector.analysis.reduce.state.Means;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * What each attention head does: sums over queries of its attention on the keys of each role, and of its entropy.
 *
 * <p>Per layer {@code heads/blocks.i/ROLE/sum} F64 and {@code count} I64 [head], the role {@code previous_token}, {@code
 * duplicate_token}, {@code induction}, {@code first_token} (its sink share) or {@code self} as in {@link
 * org.llminspector.analysis.HeadScores}; {@code entropy/sum|count} of all queries but a window's first, nats, without an
 * attention sink's share; {@code nonfinite} I64 [head]: queries with NaN or an infinity, which are in nothing else.
 */
public final class HeadRoles implements Reducer {

    private static final Role[] ROLES = Role.values();

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks = new TreeSet<>();
    private final SortedMap<String, Means> means = new TreeMap<>();
    private final SortedMap<String, long[]> nonfinite = new TreeMap<>();
    private HeadSums.Repeats[] repeats; // of this batch's windows

    public HeadRoles(DecoderSpec spec) {
        this.spec = spec;
        this.hooks.addAll(hooks(spec));
    }

    static SortedSet<HookId> hooks(DecoderSpec spec) {
        SortedSet<HookId> hooks = new TreeSet<>();
        for (int layer : spec.attending()) hooks.add(HookId.of(HookPoint.PATTERN, layer));
        return hooks;
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    /** @param pattern [batch, head, query, key], of as many keys as queries */
    @Override
    public void add(WindowBatch batch, HookId hook, Tensor pattern) {
        int n = batch.positions();
        int heads = Math.toIntExact(pattern.shape()[1]);
        if (repeats == null) {
            repeats = new HeadSums.Repeats[batch.size()];
            for (int b = 0; b < batch.size(); b++) repeats[b] = new HeadSums.Repeats(batch.tokens()[b]);
        }
        for (int b = 0; b < batch.size(); b++) {
            int row = b;
            One[] window = new One[heads];
            Parallel.each(heads, h -> {
                float[] p = new float[n * n]; // [query, key]
                pattern.toFloats(((long) row * heads + h) * n * n, p, n * n);
                window[h] = new One(p, n, batch.from()[row], repeats[row]);
            });
            for (int h = 0; h < heads; h++) {
                for (Role role : ROLES) {
                    HeadSums sums = window[h].roles;
                    means(hook, label(role), heads).add(h, sums.sum(role), sums.queries(role));
                }
                means(hook, "entropy", heads).add(h, window[h].entropy, window[h].queries);
                nonfinite.computeIfAbsent(at(hook) + "nonfinite", name -> new long[heads])[h] += window[h].nonfinite;
            }
        }
    }

    @Override
    public void end(WindowBatch batch) {
        repeats = null;
    }

    /** Sums of one head in one window. */
    private static final class One {

        private final HeadSums roles = new HeadSums();
        private double entropy;
        private long queries;
        private long nonfinite;

        One(float[] p, int n, int from, HeadSums.Repeats repeats) {
            for (int q = from; q < n; q++) {
                double all = 0;
                double own = 0;
                for (int k = q * n; k <= q * n + q; k++) {
                    double w = p[k];
                    all += w;
                    if (w > 0) own -= w * Math.log(w);
                }
                if (!Double.isFinite(all)) {
                    nonfinite++;
                    continue;
                }
                roles.addPlaces(p, q * n, q);
                roles.addRepeats(p, q * n, q, repeats);
                if (q == 0) continue;
                entropy += own;
                queries++;
            }
        }
    }

    private Means means(HookId hook, String what, int heads) {
        Means m = means.computeIfAbsent(at(hook) + what + "/", Means::new);
        m.grow(heads);
        return m;
    }

    private static String at(HookId hook) {
        return "heads/blocks." + hook.layer() + "/";
    }

    private static String label(Role role) {
        return role.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        means.values().forEach(m -> m.write(state));
        nonfinite.forEach((name, counts) -> state.put(name, State.of(counts, counts.length)));
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            for (Role role : ROLES) merge(at(hook) + label(role) + "/", later);
            merge(at(hook) + "entropy/", later);
            String broken = at(hook) + "nonfinite";
            Tensor counts = later.apply(broken);
            if (counts == null) continue;
            long[] more = State.longs(counts, broken);
            State.add(nonfinite.computeIfAbsent(broken, name -> new long[more.length]), more, broken);
        }
    }

    private void merge(String at, Function<String, Tensor> later) {
        if (later.apply(at + "count") != null)
            means.computeIfAbsent(at, Means::new).merge(later);
    }

    @Override
    public long bytes(long windows, int positions) {
        long heads = hooks.stream()
                .mapToLong(h -> spec.layers().get(h.layer()).attention().nHeads())
                .sum();
        return (ROLES.length + 1) * Means.bytes(heads) + heads * Long.BYTES;
    }
}
