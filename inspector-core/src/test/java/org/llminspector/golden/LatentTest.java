package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;

/** What is kept of a token whose keys and values are made of a latent vector, and what is changed there. */
class LatentTest {

    private static final int LAYER = 1;
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    /** Of logits of at most 17: passes of other lengths are rounded otherwise. */
    private static final double ROUNDING = 2e-4;

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void theVectorAndOneTurnedKeyAreKeptAndServeAnotherSequence(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Attention a = g.engine.spec().layers().get(LAYER).attention();
            long row = 4L * (a.latent().dShared() + a.latent().dLatent());
            try (Session s = g.engine.begin(new SessionRequest(ids.length, new TreeSet<>(), List.of(), List.of()))) {
                float[] whole = s.append(ids);
                assertThat(s.kvCache().layers()).containsOnly(row * ids.length);
                KvPrefix prefix = s.prefix(11);
                assertThat(prefix.bytes()).isEqualTo(11 * row * g.engine.spec().nLayers());
                SessionRequest more = new SessionRequest(ids.length, new TreeSet<>(), List.of(), List.of());
                try (Session other = g.engine.begin(more.after(prefix))) {
                    float[] last = other.append(Arrays.copyOfRange(ids, 11, ids.length));
                    assertThat(Golden.maxAbsDiff(last, whole)).isLessThan(ROUNDING);
                }
            }
        }
    }

    /** A key or value that is changed cannot be made of the vector again: it is kept, and counted. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void whatIsChangedStaysChangedForLaterTokens(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Attention a = g.engine.spec().layers().get(LAYER).attention();
            for (HookPoint point :
                    List.of(HookPoint.Q_LATENT, HookPoint.KV_LATENT, HookPoint.K, HookPoint.ROT_K, HookPoint.V)) {
                List<Intervention> one = List.of(change(point, Op.SCALE, List.of(3), null, 3.0));
                float[] whole = logits(g.engine, ids, one, ids.length);
                assertThat(Golden.maxAbsDiff(whole, g.values("logits")))
                        .as(point + " does something")
                        .isGreaterThan(0.01);
                assertThat(Golden.maxAbsDiff(logits(g.engine, ids, one, 8), whole))
                        .as(point + " in pieces")
                        .isLessThan(ROUNDING);
                boolean vector = point == HookPoint.Q_LATENT || point == HookPoint.KV_LATENT;
                long numbers = vector
                        ? a.latent().dShared() + a.latent().dLatent()
                        : (long) a.nHeads() * (a.dHead() + a.dValue());
                try (Session s = g.engine.begin(new SessionRequest(9, new TreeSet<>(), one, List.of(Map.of())))) {
                    s.append(Arrays.copyOf(ids, 9));
                    assertThat(s.kvCache().layers().get(LAYER)).isEqualTo(4 * numbers * 9);
                    if (!vector) assertThat(s.prefix(4).bytes()).isPositive();
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aNumberOfTheVectorThatIsSilencedIsOneWithoutWeight(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Weights without =
                    g.weights.changed(("blocks." + LAYER + ".attn.kv_latent_norm.weight")::equals, (name, w) -> {
                        float[] values = w.toFloats();
                        values[5] = 0;
                        return Tensor.of(values, w.shape());
                    });
            try (InspectorEngine other = kind.open(without)) {
                float[] expected = logits(other, ids, List.of(), ids.length);
                Intervention zero = change(HookPoint.KV_LATENT, Op.ZERO, null, List.of(5), null);
                assertThat(Golden.maxAbsDiff(logits(g.engine, ids, List.of(zero), ids.length), expected))
                        .isLessThan(ROUNDING);
                assertThat(Golden.maxAbsDiff(expected, g.values("logits"))).isGreaterThan(0.01);
            }
        }
    }

    /** Of fewer bits what is read is what they keep, in one pass, in pieces, and in the fused form. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aVectorInFewerBitsIsReadAsItIsKept(Kind kind) {
        KvFormats codes = new KvFormats(KvFormat.FP32, KvFormat.INT8);
        try (Golden g = open(kind);
                InspectorEngine rounding = kind.open(g.weights, codes)) {
            int[] ids = Arrays.copyOf(g.ids("input_ids"), 12);
            TreeSet<HookId> seen = new TreeSet<>(List.of(LOGITS));
            for (int i = 0; i < g.engine.spec().nLayers(); i++) seen.add(HookId.of(HookPoint.KV_LATENT, i));
            Capture c = capture(rounding, ids, seen, List.of(), List.of(), ids.length);
            List<Intervention> changes = new ArrayList<>();
            List<Map<HookId, Tensor>> sources = new ArrayList<>();
            for (HookId id : seen) {
                if (id.equals(LOGITS)) continue;
                changes.add(new Intervention(
                        id.name(),
                        Op.REPLACE,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        new Intervention.From("kept", null)));
                sources.add(Map.of(id, kept(c.get(id))));
            }
            float[] expected = capture(g.engine, ids, new TreeSet<>(List.of(LOGITS)), changes, sources, ids.length)
                    .get(LOGITS)
                    .toFloats();
            assertThat(Golden.maxAbsDiff(c.get(LOGITS).toFloats(), expected)).isLessThan(2e-3);
            assertThat(Golden.maxAbsDiff(expected, logits(g.engine, ids, List.of(), ids.length)))
                    .as("rounding is to be seen")
                    .isGreaterThan(0.5);
            for (int first : new int[] {ids.length, 5}) {
                float[] fast = capture(rounding, ids, new TreeSet<>(List.of(LOGITS)), List.of(), List.of(), first)
                        .get(LOGITS)
                        .toFloats();
                assertThat(Golden.maxAbsDiff(fast, expected)).isLessThan(2e-2); // a code may fall the other way
            }
            long row = 4L * 8 + 24 + 4;
            try (Session s = rounding.begin(new SessionRequest(4, new TreeSet<>(), List.of(), List.of()))) {
                s.append(Arrays.copyOf(ids, 4));
                assertThat(s.kvCache().layers()).containsOnly(4 * row);
            }
        }
    }

    /** Its bias would still give it a score. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aMaskedExpertIsChosenByNobody(Kind kind) {
        try (Golden g = open(kind)) {
            HookId chosen = HookId.of(HookPoint.EXPERT_INDICES, LAYER);
            Set<HookId> hooks = Set.of(chosen);
            int[] ids = g.ids("input_ids");
            Intervention mask = change(HookPoint.ROUTER_LOGITS, Op.MASK, null, List.of(0, 1, 4, 5), null);
            float[] before = capture(g.engine, ids, hooks, List.of(), List.of(), ids.length)
                    .get(chosen)
                    .toFloats();
            float[] after = capture(g.engine, ids, hooks, List.of(mask), List.of(Map.of()), ids.length)
                    .get(chosen)
                    .toFloats();
            assertThat(before).contains(0f, 1f, 4f, 5f);
            assertThat(after).doesNotContain(0f, 1f, 4f, 5f).contains(2f, 3f, 6f, 7f);
        }
    }

    private static Golden open(Kind kind) {
        return new Golden(Golden.FAMILIES.resolve("deepseek_v3_yarn"), kind);
    }

    private static Intervention change(
            HookPoint point, Op op, List<Integer> positions, List<Integer> features, Double value) {
        return new Intervention(HookId.of(point, LAYER).name(), op, null, positions, null, features, value, null, null);
    }

    private static float[] logits(InspectorEngine engine, int[] ids, List<Intervention> changes, int first) {
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        for (int i = 0; i < changes.size(); i++) sources.add(Map.of());
        return capture(engine, ids, new TreeSet<>(List.of(LOGITS)), changes, sources, first)
                .get(LOGITS)
                .toFloats();
    }

    /** The first tokens in one pass, each of the others in its own. */
    private static Capture capture(
            InspectorEngine engine,
            int[] ids,
            Set<HookId> hooks,
            List<Intervention> changes,
            List<Map<HookId, Tensor>> sources,
            int first) {
        try (Session s = engine.begin(new SessionRequest(ids.length, new TreeSet<>(hooks), changes, sources))) {
            s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) s.append(new int[] {ids[i]});
            return s.capture();
        }
    }

    /** What INT8 keeps of [1, pos, d_latent]. */
    private static Tensor kept(Tensor exact) {
        float[] x = exact.toFloats();
        int width = (int) exact.shape()[2];
        for (int from = 0; from < x.length; from += width) {
            float largest = 0;
            for (int i = from; i < from + width; i++) largest = Math.max(largest, Math.abs(x[i]));
            float scale = Math.max(largest / 127, 1e-30f);
            for (int i = from; i < from + width; i++) x[i] = (float) Math.rint(x[i] / scale) * scale;
        }
        return Tensor.of(x, exact.shape());
    }
}
