package org.llminspector.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.hook.HookId;

/** A batch's rows one after another, each as a session of its own, for an engine without batches. */
public final class RowsInTurns {

    private RowsInTurns() {}

    public static void run(InspectorEngine engine, Batch batch, BiConsumer<HookId, Tensor> visitor) {
        TreeMap<HookId, Bytes> all = new TreeMap<>();
        Map<HookId, long[]> shapes = new TreeMap<>(); // of one row
        for (int r = 0; r < batch.size(); r++) {
            try (Session session = engine.begin(row(batch, r))) {
                session.append(batch.rows()[r]);
                try (Capture capture = session.capture()) {
                    int at = r;
                    capture.tensors().forEach((id, value) -> {
                        long size = value.byteSize();
                        all.computeIfAbsent(id, h -> Bytes.allocate(size * batch.size()))
                                .view(at * size, size)
                                .put(value.data());
                        shapes.put(id, value.shape());
                    });
                }
            }
        }
        all.forEach((id, bytes) -> {
            long[] shape = shapes.get(id);
            shape[0] = batch.size();
            visitor.accept(id, Tensor.of(DType.F32, bytes, shape));
        });
    }

    /** The request of one row: the interventions that change it, with its own sources. */
    private static SessionRequest row(Batch batch, int row) {
        SessionRequest of = batch.request();
        List<Intervention> interventions = new ArrayList<>();
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        for (int i = 0; i < of.interventions().size(); i++) {
            if (batch.changed(i) != null && !batch.changed(i).get(row)) continue;
            interventions.add(of.interventions().get(i));
            Map<HookId, Tensor> own = new TreeMap<>();
            if (i < of.sources().size()) of.sources().get(i).forEach((id, source) -> own.put(id, rowOf(source, row)));
            sources.add(own);
        }
        return new SessionRequest(batch.length(), of.hooks(), interventions, sources, of.hooked());
    }

    private static Tensor rowOf(Tensor source, int row) {
        long[] shape = source.shape();
        if (shape[0] == 1) return source;
        int[][] ranges = IntStream.range(0, shape.length)
                .mapToObj(a -> a == 0 ? new int[] {row, row + 1} : new int[] {0, Math.toIntExact(shape[a])})
                .toArray(int[][]::new);
        return source.slice(ranges);
    }
}
