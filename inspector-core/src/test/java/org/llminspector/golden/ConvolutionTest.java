package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** What layers with a short convolution keep of the last positions, and what is changed in them. */
class ConvolutionTest {

    private static final int LAYER = 2;
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    /** Of logits of at most 14: passes of other lengths are rounded otherwise. */
    private static final double ROUNDING = 2e-4;

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void theLastProductsAreKeptWhateverTheLength(Kind kind) {
        try (Golden g = open(kind);
                InspectorEngine half = kind.open(g.weights, KvFormats.FP16)) {
            int[] ids = g.ids("input_ids");
            long state = 2L * g.engine.spec().dModel() * 4; // two positions before the own one, float32
            for (InspectorEngine engine : List.of(g.engine, half)) {
                long row = 2L * 2 * 16 * (engine == half ? 2 : 4); // two heads' keys and values of 16
                for (int n : new int[] {1, 7}) {
                    try (Session s = engine.begin(plain(ids.length))) {
                        s.append(Arrays.copyOf(ids, n));
                        KvCacheReport kept = s.kvCache();
                        assertThat(kept.convStates()).containsExactly(state, 0L, state, 0L);
                        assertThat(kept.layers()).containsExactly(0L, row * n, 0L, row * n);
                        assertThat(kept.bytes()).isEqualTo(2 * row * n);
                        assertThat(kept.allocatedBytes()).isEqualTo(2 * row * ids.length);
                    }
                }
            }
        }
    }

    /** What was kept is of the last positions: of all it serves another sequence, of fewer nobody has it. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void whatIsKeptServesASequenceThatGoesOn(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            float[] whole;
            try (Session s = g.engine.begin(plain(ids.length))) {
                whole = s.append(ids);
            }
            for (int n : new int[] {1, 2, 11}) { // 1: what is kept begins before the text
                try (Session s = g.engine.begin(plain(ids.length))) {
                    s.append(Arrays.copyOf(ids, n));
                    KvPrefix prefix = s.prefix(n);
                    assertThat(s.prefix(n - 1)).isNull();
                    assertThat(prefix.reaches(n)).isTrue();
                    assertThat(prefix.reaches(n - 1)).isFalse();
                    assertThat(prefix.bytes()).isEqualTo(2L * n * 2 * 2 * 16 * 4 + 2 * 2 * 64 * 4);
                    for (boolean hooked : new boolean[] {false, true}) {
                        SessionRequest more =
                                new SessionRequest(ids.length, new TreeSet<>(), List.of(), List.of(), hooked);
                        try (Session other = g.engine.begin(more.after(prefix))) {
                            float[] last = other.append(Arrays.copyOfRange(ids, n, ids.length));
                            assertThat(Golden.maxAbsDiff(last, whole)).isLessThan(ROUNDING);
                        }
                    }
                }
            }
        }
    }

    /** A change before the convolution is seen by the tokens after it, whichever pass they come in. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void whatIsChangedStaysChangedForLaterTokens(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            for (HookPoint point : List.of(
                    HookPoint.CONV_B,
                    HookPoint.CONV_C,
                    HookPoint.CONV_X,
                    HookPoint.CONV_BX,
                    HookPoint.CONV,
                    HookPoint.CONV_POST,
                    HookPoint.CONV_OUT)) {
                Intervention one = change(point, Op.SCALE, List.of(7), null, 3.0);
                float[] whole = logits(g.engine, ids, one, ids.length);
                assertThat(Golden.maxAbsDiff(whole, g.values("logits")))
                        .as(point + " does something")
                        .isGreaterThan(0.01);
                assertThat(Golden.maxAbsDiff(logits(g.engine, ids, one, 8), whole))
                        .as(point + " in pieces")
                        .isLessThan(ROUNDING);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aChannelThatIsSilencedIsOneWithoutAKernel(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Weights without = g.weights.changed(("blocks." + LAYER + ".conv.kernel.weight")::equals, (name, w) -> {
                float[] values = w.toFloats(); // [width, d_model]
                for (int i = 5; i < values.length; i += 64) values[i] = 0;
                return Tensor.of(values, w.shape());
            });
            try (InspectorEngine other = kind.open(without)) {
                float[] expected = logits(other, ids, null, ids.length);
                Intervention zero = change(HookPoint.CONV, Op.ZERO, null, List.of(5), null);
                assertThat(Golden.maxAbsDiff(logits(g.engine, ids, zero, ids.length), expected))
                        .isLessThan(ROUNDING);
                assertThat(Golden.maxAbsDiff(expected, g.values("logits"))).isGreaterThan(0.01);
            }
        }
    }

    @Test
    void hooksOfTheOtherKindOfLayerAreRefusedByName() {
        try (Golden g = open(Kind.TORCH)) {
            refused(g, "blocks.0.attn.hook_pattern", "short convolution, and no heads; layers 1, 3 have it");
            refused(g, "blocks.2.hook_attn_out", "short convolution, and no heads; layers 1, 3 have it");
            refused(g, "blocks.1.conv.hook_bx", "no short convolution; layers 0, 2 have it");
            refused(g, "blocks.0.attn.hook_kv_latent", "no latent vector");
        }
    }

    private static void refused(Golden g, String hook, String why) {
        assertThatThrownBy(() -> HookPatterns.match(g.engine.spec(), List.of(hook)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(why);
    }

    private static Golden open(Kind kind) {
        return new Golden(Golden.FAMILIES.resolve("lfm2"), kind);
    }

    private static SessionRequest plain(int positions) {
        return new SessionRequest(positions, new TreeSet<>(), List.of(), List.of());
    }

    private static Intervention change(
            HookPoint point, Op op, List<Integer> positions, List<Integer> features, Double value) {
        return new Intervention(HookId.of(point, LAYER).name(), op, null, positions, null, features, value, null, null);
    }

    /** The first tokens in one pass, each of the others in its own. */
    private static float[] logits(InspectorEngine engine, int[] ids, Intervention change, int first) {
        List<Intervention> changes = change == null ? List.of() : List.of(change);
        List<Map<HookId, Tensor>> sources = change == null ? List.of() : List.of(Map.of());
        try (Session s =
                engine.begin(new SessionRequest(ids.length, new TreeSet<>(List.of(LOGITS)), changes, sources))) {
            s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) s.append(new int[] {ids[i]});
            return s.capture().get(LOGITS).toFloats();
        }
    }
}
