package org.llminspector.engine.onnx;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Value;
import org.llminspector.family.Family;
import org.llminspector.family.Foreign;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** ExportedSpec is what an exported graph computes: as its family says, or, when none is known, as the graph shows. */
public final class ExportedSpec {

    private ExportedSpec() {}

    public static DecoderSpec of(Checkpoint checkpoint) {
        if (Family.knows(checkpoint)) return Family.exported(checkpoint);
        OnnxFile file = checkpoint.onnx().orElseThrow();
        Map<String, Value> values = new HashMap<>();
        for (Value v : file.inputs()) values.put(v.name(), v);
        for (Value v : file.outputs()) values.put(v.name(), v);
        int layers = 0;
        while (values.containsKey(ExportedPorts.past(layers + ".key"))) layers++;
        if (layers == 0) throw Foreign.refusal(checkpoint, "a graph without " + ExportedPorts.past("0.key"));
        ExportedBlocks blocks = new ExportedBlocks(file, layers);
        if (blocks.walked() < layers) {
            throw Foreign.refusal(
                    checkpoint,
                    "a graph of " + layers + " blocks, of which these were found: "
                            + (blocks.walked() == 0 ? "none" : "the first " + blocks.walked()));
        }
        Value past = values.get(ExportedPorts.past("0.key"));
        return Foreign.spec(
                checkpoint,
                new Foreign.Graph(
                        size(past, 1),
                        size(past, 3),
                        size(values.get(ExportedPorts.LOGITS), 2),
                        dMlp(blocks),
                        blocks.value(POS_EMBED, -1) != null,
                        blocks.isCentred(),
                        layers(blocks, layers)));
    }

    private static int size(Value value, int axis) {
        if (value == null || value.shape() == null || value.shape().size() <= axis) return -1;
        return (int) Math.min(Integer.MAX_VALUE, value.shape().get(axis));
    }

    private static int dMlp(ExportedBlocks blocks) {
        String added = blocks.value(MLP_OUT, 0);
        return added == null ? -1 : ExportedMlp.width(blocks.flow(), added);
    }

    private static List<Foreign.Layer> layers(ExportedBlocks blocks, int count) {
        List<Foreign.Layer> layers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            layers.add(new Foreign.Layer(
                    blocks.attention(i).rotates(),
                    blocks.value(MLP_PRE_LINEAR, i) != null,
                    blocks.value(RESID_MID, i) == null,
                    blocks.hasNorm(LN1_SCALE, i),
                    blocks.value(LN1_POST_OUT, i) != null,
                    blocks.hasNorm(LN2_SCALE, i),
                    blocks.value(LN2_POST_OUT, i) != null,
                    isNormed(blocks, Q, i),
                    isNormed(blocks, K, i),
                    isBiased(blocks, Q, i),
                    isBiased(blocks, ATTN_OUT, i),
                    isBiased(blocks, MLP_OUT, i)));
        }
        return layers;
    }

    private static boolean isNormed(ExportedBlocks blocks, HookPoint point, int layer) {
        String value = blocks.value(point, layer);
        return value != null && ExportedNorm.of(blocks.flow(), value) != null;
    }

    private static boolean isBiased(ExportedBlocks blocks, HookPoint point, int layer) {
        String value = blocks.value(point, layer);
        return value != null && blocks.flow().isBiased(value);
    }
}
