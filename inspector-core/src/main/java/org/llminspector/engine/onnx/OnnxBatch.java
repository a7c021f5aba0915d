package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.stream.LongStream;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** A batch on a graph of {@code GraphWriter.batch}. */
final class OnnxBatch {

    private OnnxBatch() {}

    static void run(DecoderSpec spec, OpenGraph open, Batch batch, BiConsumer<HookId, Tensor> visitor) {
        Graph graph = open.graph();
        Map<HookId, String> outputs = new HashMap<>(graph.hooks());
        HookId logits = HookId.of(HookPoint.LOGITS);
        if (batch.request().hooks().contains(logits)) outputs.put(logits, graph.logits());
        try (Feed feed = new Feed();
                PositionInputs places = new PositionInputs(spec, graph.inputs())) {
            feed.longs("ids", batch.ids(), batch.size(), batch.length());
            long[] all = LongStream.range(0, batch.length()).toArray();
            feed.longs("wanted_positions", all, all.length);
            places.fill(feed, 0, batch.length(), batch.length());
            new InterventionInputs(spec, batch.request(), graph).fill(feed, batch);
            try (OrtSession.Result result = open.run(feed.inputs(), new HashSet<>(outputs.values()), Map.of())) {
                for (HookId id : batch.request().hooks()) {
                    OnnxTensor value = OpenGraph.output(result, outputs.get(id));
                    visitor.accept(
                            id,
                            Tensor.of(
                                    DType.F32,
                                    value.getByteBuffer().order(ByteOrder.LITTLE_ENDIAN),
                                    value.getInfo().getShape()));
                }
            }
        }
    }
}
