package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** Caches of fewer bits: what attention reads is what the format keeps, of every family on every engine. */
class KvFormatsTest {

    private static final KvFormats CODES = new KvFormats(KvFormat.INT8, KvFormat.INT8);

    private static final List<KvFormats> MIXED = List.of(
            new KvFormats(KvFormat.INT8, KvFormat.FP32), new KvFormats(KvFormat.FP16, KvFormat.INT8), KvFormats.FP16);

    @TestFactory
    List<DynamicTest> everyFamily() {
        List<DynamicTest> tests = new ArrayList<>();
        List<Path> goldens = new ArrayList<>(Golden.all());
        goldens.addAll(Golden.in(Golden.ODD));
        for (Path dir : goldens) {
            for (Kind kind : Kind.engines()) {
                List<KvFormats> all = new ArrayList<>(List.of(CODES));
                if (Set.of("llama", "gpt2").contains(dir.getFileName().toString())) all.addAll(MIXED);
                for (KvFormats formats : all) {
                    String name = Golden.name(dir) + " on " + kind + ", " + formats.words();
                    tests.add(DynamicTest.dynamicTest(name, () -> readsWhatIsKept(dir, kind, formats)));
                }
            }
        }
        return tests;
    }

    private static void readsWhatIsKept(Path dir, Kind kind, KvFormats formats) {
        try (Golden g = new Golden(dir, kind);
                InspectorEngine rounding = kind.open(g.weights, formats)) {
            DecoderSpec spec = rounding.spec();
            int[] ids = g.ids("input_ids");
            assertThat(rounding.info().arithmetic()).contains(formats.words());
            try (Capture seen = capture(rounding, ids, hooks(spec))) {
                float[] logits = seen.get(HookId.of(HookPoint.LOGITS)).toFloats();
                // The exact engine, in which keys and values are replaced by what the format keeps of the same numbers.
                List<Intervention> changes = new ArrayList<>();
                List<Map<HookId, Tensor>> sources = new ArrayList<>();
                for (HookId id : hooks(spec)) {
                    if (id.point() == HookPoint.LOGITS) continue;
                    boolean value = id.point() == HookPoint.V;
                    Tensor kept = kept(seen.get(id), value ? formats.value() : formats.key());
                    changes.add(new Intervention(
                            id.name(),
                            Intervention.Op.REPLACE,
                            null,
                            null,
                            null,
                            null,
                            null,
                            null,
                            new Intervention.From("kept", null)));
                    sources.add(Map.of(id, kept));
                }
                TreeSet<HookId> wanted = new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
                float[] expected;
                try (Session s = g.engine.begin(new SessionRequest(ids.length, wanted, changes, sources))) {
                    s.append(ids.clone());
                    try (Capture c = s.capture()) {
                        expected = c.get(HookId.of(HookPoint.LOGITS)).toFloats();
                    }
                }
                float largest = largest(expected);
                assertThat(Golden.maxAbsDiff(logits, expected)).isLessThan(1e-4 * (1 + largest));
                float[] exact =
                        g.capture(ids, wanted).get(HookId.of(HookPoint.LOGITS)).toFloats();
                assertThat(Golden.maxAbsDiff(logits, exact))
                        .as("rounding is to be seen")
                        .isPositive();

                // In pieces, and where nothing is seen: a last bit may fall the other way.
                for (List<HookId> hooks : List.of(List.<HookId>of(), List.of(HookId.of(HookPoint.Z, 0)))) {
                    float[] last = inPieces(rounding, ids, hooks, formats);
                    float[] whole = Arrays.copyOfRange(logits, logits.length - spec.vocab(), logits.length);
                    assertThat(Golden.maxAbsDiff(last, whole)).isLessThan(2e-2 * (1 + largest));
                }
            }
        }
    }

    /** Keys as the cache gets them, and values. */
    private static SortedSet<HookId> hooks(DecoderSpec spec) {
        SortedSet<HookId> hooks = new TreeSet<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            boolean turned = spec.layers().get(i).attention().rope() != null;
            hooks.add(HookId.of(turned ? HookPoint.ROT_K : HookPoint.K, i));
            hooks.add(HookId.of(HookPoint.V, i));
        }
        hooks.add(HookId.of(HookPoint.LOGITS));
        return hooks;
    }

    private static Capture capture(InspectorEngine engine, int[] ids, SortedSet<HookId> hooks) {
        try (Session s = engine.begin(new SessionRequest(ids.length, hooks, List.of(), List.of()))) {
            s.append(ids.clone());
            return s.capture();
        }
    }

    private static float[] inPieces(InspectorEngine engine, int[] ids, List<HookId> hooks, KvFormats formats) {
        try (Session s = engine.begin(new SessionRequest(ids.length + 3, new TreeSet<>(hooks), List.of(), List.of()))) {
            int first = ids.length - 3;
            float[] last = s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) last = s.append(new int[] {ids[i]});
            assertThat(s.prefix(2))
                    .as("rounded numbers are no other sequence's")
                    .isNull();
            assertThat(s.kvCache().formats()).isEqualTo(formats);
            long bytes = 0;
            for (int i = 0; i < engine.spec().nLayers(); i++) {
                var a = engine.spec().layers().get(i).attention();
                long row = a.nKvHeads() * (bytes(formats.key(), a.dHead()) + bytes(formats.value(), a.dHead()));
                assertThat(s.kvCache().layers().get(i)).isEqualTo(row * ids.length);
                bytes += row;
            }
            assertThat(s.kvCache().allocatedBytes()).isEqualTo(bytes * (ids.length + 3));
            return last;
        }
    }

    private static long bytes(KvFormat format, int dHead) {
        return switch (format) {
            case FP32 -> 4L * dHead;
            case FP16 -> 2L * dHead;
            case INT8 -> dHead + 4L;
        };
    }

    /** What a format keeps of [1, pos, kv_head, d_head]. */
    private static Tensor kept(Tensor exact, KvFormat format) {
        if (format == KvFormat.FP16) return exact.as(DType.F16).as(DType.F32);
        float[] x = exact.toFloats();
        int width = (int) exact.shape()[3];
        for (int from = 0; from < x.length; from += width) {
            if (format == KvFormat.INT8) {
                float largest = 0;
                for (int i = from; i < from + width; i++) largest = Math.max(largest, Math.abs(x[i]));
                float scale = Math.max(largest / 127, 1e-30f);
                for (int i = from; i < from + width; i++) x[i] = (float) Math.rint(x[i] / scale) * scale;
            }
        }
        ByteBuffer bytes = ByteBuffer.allocate(4 * x.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(x);
        return Tensor.of(DType.F32, bytes, exact.shape());
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float v : values) largest = Math.max(largest, Math.abs(v));
        return largest;
    }
}
