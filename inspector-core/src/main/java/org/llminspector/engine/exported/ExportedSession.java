package org.llminspector.engine.exported;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBuffers;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.engine.onnx.runtime.Ort;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/** One sequence on an exported graph. */
final class ExportedSession implements Session {

    /** Scores at or below these are masked: exporters write the format's lowest number instead of -inf. */
    private static final float MASKED = -1e30f;

    private static final float MASKED_HALF = -65504f;

    private final DecoderSpec spec;
    private final OrtSession session;
    private final ExportedSignature ports;
    private final Map<HookId, Place> places = new TreeMap<>();
    private final CaptureBuffers buffers;
    private final boolean fused;
    private final Runnable release;
    private final ExportedCache cache;
    private int length;
    private long copyOutNanos;

    ExportedSession(
            DecoderSpec spec,
            OrtSession session,
            Memory device,
            ExportedSignature ports,
            ExportedHooks hooks,
            SessionRequest request,
            boolean fused,
            CaptureMemory memory,
            Runnable release) {
        this.spec = spec;
        this.session = session;
        this.ports = ports;
        this.fused = fused;
        this.release = release;
        for (HookId id : request.hooks()) places.put(id, hooks.place(id));
        this.buffers = new CaptureBuffers(spec, request.hooks(), request.maxPositions(), memory);
        Set<String> read = new HashSet<>();
        places.values().forEach(p -> read.add(p.value()));
        this.cache = new ExportedCache(spec, ports, device, read);
        if (request.prefix() == null) return;
        try {
            cache.begin(request.prefix());
            length = request.prefix().length();
        } catch (RuntimeException | Error e) {
            cache.close();
            buffers.close();
            throw e;
        }
    }

    @Override
    public float[] append(int[] tokens) {
        int count = tokens.length;
        Set<String> requested = new HashSet<>(List.of(ExportedSignature.LOGITS));
        try (Feed feed = new Feed()) {
            long[] ids = new long[count];
            long[] positions = new long[count];
            for (int i = 0; i < count; i++) {
                ids[i] = tokens[i];
                positions[i] = (long) length + i;
            }
            feed.longs(ExportedSignature.IDS, ids, 1, count);
            if (wants(ExportedSignature.POSITIONS)) feed.longs(ExportedSignature.POSITIONS, positions, 1, count);
            if (wants(ExportedSignature.MASK)) {
                long[] ones = new long[length + count];
                Arrays.fill(ones, 1);
                feed.longs(ExportedSignature.MASK, ones, 1, ones.length);
            }
            if (wants(ExportedSignature.USE_CACHE)) {
                feed.booleans(ExportedSignature.USE_CACHE, new boolean[] {length > 0}, 1);
            }
            for (int i = 0; i < spec.nLayers(); i++) {
                requested.add(ExportedSignature.present(i + ".key"));
                requested.add(ExportedSignature.present(i + ".value"));
            }
            places.values().forEach(p -> requested.add(p.value()));
            Map<String, OnnxValue> pinned = cache.bind(feed, length + count);
            requested.removeAll(pinned.keySet());
            OrtSession.Result result = run(feed, requested, pinned, count);
            try {
                float[] logits = take(result, pinned.keySet(), count);
                cache.advance(result);
                length += count;
                return logits;
            } catch (RuntimeException | Error e) {
                result.close();
                throw e;
            }
        }
    }

    /** Runs the graph; a failure is reported as the graph's, not as an internal error. */
    private OrtSession.Result run(Feed feed, Set<String> requested, Map<String, OnnxValue> pinned, int count) {
        try {
            return Ort.call(env -> session.run(feed.inputs(), requested, pinned));
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.INTERNAL) throw p;
            throw Problem.unsupported("the graph fails when it runs")
                    .where("positions " + length + " to " + (length + count - 1))
                    .found(p.found())
                    .instead("take another export of the model, or its safetensors or GGUF")
                    .causedBy(p);
        }
    }

    private boolean wants(String input) {
        return ports.inputs().contains(input);
    }

    private static OnnxTensor tensor(OrtSession.Result result, String name) {
        return (OnnxTensor) result.get(name).orElseThrow();
    }

    private float[] take(OrtSession.Result result, Set<String> placed, int count) {
        for (int i = 0; i < spec.nLayers(); i++) {
            long[] shape = ExportedCache.shape(spec.layers().get(i).attention(), length + count);
            for (String part : List.of(i + ".key", i + ".value")) {
                String present = ExportedSignature.present(part);
                if (!placed.contains(present)) check(present, tensor(result, present), shape, "the graph's cache");
            }
        }
        OnnxTensor scores = tensor(result, ExportedSignature.LOGITS);
        long[] shape = scores.getInfo().getShape();
        boolean last = shape.length == 3 && shape[1] == 1; // some graphs output the last position only
        check(ExportedSignature.LOGITS, scores, new long[] {1, last ? 1 : count, spec.vocab()}, "logits");
        FloatBuffer all = scores.getFloatBuffer();
        float[] logits = new float[spec.vocab()];
        all.get(all.limit() - logits.length, logits);
        long from = System.nanoTime();
        places.forEach(
                (id, place) -> buffers.take(id, read(id, place, tensor(result, place.value()), count), length, count));
        copyOutNanos += System.nanoTime() - from;
        return logits;
    }

    /** A hook's value of this pass, in float32 and the hook's layout; another shape is refused. */
    private ByteBuffer read(HookId id, Place place, OnnxTensor tensor, int count) {
        long[] shape = HookShape.of(id.point(), spec, Math.max(0, id.layer()), count, (long) length + count);
        FloatBuffer values = tensor.getFloatBuffer();
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(Tensor.elements(shape) * Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        FloatBuffer out = bytes.asFloatBuffer();
        switch (place.read()) {
            case AS_IS -> {
                check(place.value(), tensor, shape, id.name());
                out.put(values);
            }
            case MASKED -> {
                check(place.value(), tensor, shape, id.name());
                boolean half = tensor.getInfo().type == ai.onnxruntime.OnnxJavaType.FLOAT16;
                float masked = half ? MASKED_HALF : MASKED;
                while (values.hasRemaining()) {
                    float v = values.get();
                    out.put(v <= masked ? Float.NEGATIVE_INFINITY : v);
                }
            }
            case INVERSE -> {
                check(place.value(), tensor, shape, id.name());
                while (values.hasRemaining()) out.put(1 / values.get());
            }
            case BY_HEAD -> {
                check(place.value(), tensor, new long[] {1, shape[2], shape[1], shape[3]}, id.name());
                byPosition(values, (int) shape[2], count, 0, (int) shape[3], out);
            }
            case CACHE -> byPosition(values, (int) shape[2], length + count, length, (int) shape[3], out);
            case HEADS -> {
                Attention a = spec.layers().get(id.layer()).attention();
                int all = (a.nHeads() + 2 * a.nKvHeads()) * a.dHead();
                check(place.value(), tensor, new long[] {1, count, all}, id.name());
                float[] row = new float[Math.toIntExact(shape[2] * shape[3])];
                for (int p = 0; p < count; p++) {
                    values.get(p * all + place.from() * a.dHead(), row);
                    out.put(row);
                }
            }
        }
        return bytes;
    }

    /** Transposes [head, pos, width] to [pos, head, width], from a position on. */
    private static void byPosition(FloatBuffer values, int heads, int positions, int from, int width, FloatBuffer out) {
        float[] row = new float[width];
        for (int p = from; p < positions; p++) {
            for (int h = 0; h < heads; h++) {
                values.get((h * positions + p) * width, row);
                out.put(row);
            }
        }
    }

    /** Checks a value's type and shape; axes of size 1 may be missing, and adjacent axes may be merged. */
    private static void check(String value, OnnxTensor tensor, long[] expected, String what) {
        long[] found = tensor.getInfo().getShape();
        boolean real =
                switch (tensor.getInfo().type) {
                    case FLOAT, FLOAT16, BFLOAT16 -> true;
                    default -> false;
                };
        if (real && joins(found, expected)) return;
        throw Problem.unsupported("a value of the graph does not have its hook's type and shape")
                .where(what + ", the graph's " + value)
                .expected(Arrays.toString(expected))
                .found(tensor.getInfo().type + " " + Arrays.toString(found))
                .instead(ExportedHooks.INSTEAD);
    }

    private static boolean joins(long[] found, long[] expected) {
        int e = 0;
        for (long size : found) {
            long joined = 1;
            while (joined < size && e < expected.length) joined *= expected[e++];
            if (joined != size) return false;
        }
        while (e < expected.length && expected[e] == 1) e++;
        return e == expected.length;
    }

    @Override
    public String form() {
        return fused ? "fused" : "hooked";
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public KvCacheReport kvCache() {
        return KvCacheReport.of(spec, ports.cache() == Type.FLOAT ? KvFormats.FP32 : KvFormats.FP16, length, length);
    }

    @Override
    public KvPrefix prefix(int positions) {
        return cache.prefix(positions, length);
    }

    @Override
    public Capture capture() {
        return buffers.build();
    }

    @Override
    public double captureMs() {
        return copyOutNanos / 1e6;
    }

    @Override
    public void close() {
        cache.close();
        buffers.close();
        release.run();
    }
}
