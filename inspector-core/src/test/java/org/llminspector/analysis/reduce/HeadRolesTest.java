package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.BitSet;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.HeadProfile;
import org.llminspector.analysis.HeadScores;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class HeadRolesTest {

    private static final HookId PATTERN = HookId.of(HookPoint.PATTERN, 1);

    private static HeadRoles roles() {
        return new HeadRoles(SampleCorpus.SPEC);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(HeadRolesTest::roles, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 20)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, nonfinite);
        Map<String, Tensor> state = corpus.add(roles(), 0, 4).state();
        for (int h = 0; h < 3; h++) {
            double[] sum = new double[6];
            long[] count = new long[6];
            long broken = 0;
            for (WindowBatch batch : corpus.batches) {
                Tensor p = corpus.value(batch, PATTERN); // [batch, head, query, key]
                int n = batch.positions();
                for (int b = 0; b < batch.size(); b++) {
                    int[] tokens = batch.tokens()[b];
                    for (int q = batch.from()[b]; q < n; q++) {
                        double[] w = new double[n];
                        boolean finite = true;
                        for (int k = 0; k < n; k++) {
                            w[k] = p.get(((b * 3L + h) * n + q) * n + k);
                            finite &= Double.isFinite(w[k]);
                        }
                        if (!finite) {
                            broken++;
                            continue;
                        }
                        if (q > 1) add(sum, count, 0, w[q - 1]);
                        if (q > 1) add(sum, count, 3, w[0]);
                        if (q > 1) add(sum, count, 4, w[q]);
                        double duplicate = 0;
                        double induction = 0;
                        boolean repeated = false;
                        boolean followed = false;
                        for (int k = 0; k < q; k++) {
                            if (tokens[k] != tokens[q]) continue;
                            repeated = true;
                            duplicate += w[k];
                            if (k + 1 < q) followed = true;
                            if (k + 1 < q) induction += w[k + 1];
                        }
                        if (repeated) add(sum, count, 1, duplicate);
                        if (followed) add(sum, count, 2, induction);
                        double entropy = 0;
                        for (double v : w) if (v > 0) entropy -= v * Math.log(v);
                        if (q > 0) add(sum, count, 5, entropy);
                    }
                }
            }
            List<String> kinds =
                    List.of("previous_token", "duplicate_token", "induction", "first_token", "self", "entropy");
            for (int i = 0; i < 6; i++) {
                String at = "heads/blocks.1/" + kinds.get(i) + "/";
                assertThat(state.get(at + "sum").get(h)).as(at).isCloseTo(sum[i], within(1e-12 * Math.max(1, sum[i])));
                assertThat(state.get(at + "count").get(h)).as(at).isEqualTo((double) count[i]);
            }
            assertThat(state.get("heads/blocks.1/nonfinite").get(h)).isEqualTo((double) broken);
        }
    }

    private static void add(double[] sum, long[] count, int i, double value) {
        sum[i] += value;
        count[i]++;
    }

    /** On one whole window they are the page's scores of a run. */
    @Test
    void oneWindowsQuotientsAreTheHeadsScores() {
        SampleCorpus corpus = new SampleCorpus(3, 40, false);
        for (WindowBatch batch : corpus.batches) {
            if (batch.size() > 1 || batch.from()[0] > 0 || batch.positions() < 3) continue;
            HeadRoles roles = roles();
            Tensor pattern = corpus.value(batch, PATTERN);
            roles.add(batch, PATTERN, pattern);
            BitSet all = new BitSet();
            all.set(0, batch.positions());
            List<HeadScores> scores = HeadScores.of(1, pattern, batch.tokens()[0], all);
            List<HeadProfile> profiles = HeadProfile.of(1, pattern, batch.tokens()[0], (h, square) -> {});
            for (int h = 0; h < 3; h++) {
                HeadScores s = scores.get(h);
                assertThat(quotient(roles, "previous_token", h)).isEqualTo(s.previous());
                assertThat(quotient(roles, "duplicate_token", h)).isEqualTo(s.duplicate());
                assertThat(quotient(roles, "induction", h)).isEqualTo(s.induction());
                assertThat(quotient(roles, "first_token", h)).isEqualTo(s.first());
                assertThat(quotient(roles, "self", h)).isEqualTo(s.self());
                assertThat(quotient(roles, "entropy", h))
                        .isCloseTo(profiles.get(h).entropy(), within(1e-12));
            }
        }
    }

    private static Double quotient(HeadRoles roles, String kind, int head) {
        Map<String, Tensor> state = roles.state();
        double count = state.get("heads/blocks.1/" + kind + "/count").get(head);
        return count == 0
                ? null
                : (Double) (state.get("heads/blocks.1/" + kind + "/sum").get(head) / count);
    }
}
