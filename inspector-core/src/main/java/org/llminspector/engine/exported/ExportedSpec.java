package org.llminspector.engine.exported;

import static org.llminspector.hook.HookPoint.*;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Value;
import org.llminspector.family.ExportedOnlySpec;
import org.llminspector.family.ExportedOnlySpec.Part;
import org.llminspector.family.Family;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** DecoderSpec of an exported graph: from its family, or from the graph itself when the family is unknown. */
public final class ExportedSpec {

    private ExportedSpec() {}

    public static DecoderSpec of(Checkpoint checkpoint) {
        if (Family.knows(checkpoint)) return Family.exported(checkpoint);
        OnnxFile file = checkpoint.onnx().orElseThrow();
        Map<String, Value> values = new HashMap<>();
        for (Value v : file.inputs()) values.put(v.name(), v);
        for (Value v : file.outputs()) values.put(v.name(), v);
        int layers = layers(file);
        if (layers == 0)
            throw ExportedOnlySpec.refusal(checkpoint, "a graph without " + ExportedSignature.past("0.key"));
        ExportedBlocks blocks = new ExportedBlocks(file, layers);
        if (blocks.walked() < layers) {
            throw ExportedOnlySpec.refusal(
                    checkpoint,
                    "a graph of " + layers + " blocks, of which these were found: "
                            + (blocks.walked() == 0 ? "none" : "the first " + blocks.walked()));
        }
        Value past = values.get(ExportedSignature.past("0.key"));
        return ExportedOnlySpec.spec(
                checkpoint,
                new ExportedOnlySpec.Graph(
                        size(past, 1),
                        size(past, 3),
                        size(values.get(ExportedSignature.LOGITS), 2),
                        dMlp(blocks),
                        blocks.value(POS_EMBED, -1) != null,
                        blocks.isCentred(),
                        IntStream.range(0, layers)
                                .mapToObj(i -> parts(blocks, i))
                                .toList()));
    }

    /** Number of layers with a KV cache among the graph's inputs. */
    public static int layers(OnnxFile file) {
        Set<String> inputs = file.inputs().stream().map(Value::name).collect(Collectors.toSet());
        int layers = 0;
        while (inputs.contains(ExportedSignature.past(layers + ".key"))) layers++;
        return layers;
    }

    private static int size(Value value, int axis) {
        if (value == null || value.shape() == null || value.shape().size() <= axis) return -1;
        return (int) Math.min(Integer.MAX_VALUE, value.shape().get(axis));
    }

    private static int dMlp(ExportedBlocks blocks) {
        String added = blocks.value(MLP_OUT, 0);
        return added == null ? -1 : ExportedMlp.width(blocks.flow(), added);
    }

    private static Set<Part> parts(ExportedBlocks blocks, int i) {
        return Stream.of(Part.values())
                .filter(part -> has(blocks, i, part))
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(Part.class)));
    }

    private static boolean has(ExportedBlocks blocks, int i, Part part) {
        return switch (part) {
            case ROPE -> blocks.attention(i).rotates();
            case GATE -> blocks.value(MLP_PRE_LINEAR, i) != null;
            case PARALLEL -> blocks.value(RESID_MID, i) == null;
            case LN1 -> blocks.hasNorm(LN1_SCALE, i);
            case LN1_POST -> blocks.value(LN1_POST_OUT, i) != null;
            case LN2 -> blocks.hasNorm(LN2_SCALE, i);
            case LN2_POST -> blocks.value(LN2_POST_OUT, i) != null;
            case Q_NORM -> isNormed(blocks, Q, i);
            case K_NORM -> isNormed(blocks, K, i);
            case QKV_BIAS -> isBiased(blocks, Q, i);
            case OUT_BIAS -> isBiased(blocks, ATTN_OUT, i);
            case MLP_BIAS -> isBiased(blocks, MLP_OUT, i);
        };
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
