package org.llminspector.family;

import java.util.List;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.ShortConv;

/** Check of a config's sizes against the longest side of any tensor in the files, which no size of a model exceeds. */
final class SizeCheck {

    private SizeCheck() {}

    /** The first size that exceeds every tensor is a Problem; products are computed without overflow. */
    static void check(DecoderSpec spec, Checkpoint checkpoint) {
        long longest = longest(checkpoint);
        check("vocab_size", spec.vocab(), longest, checkpoint);
        check("hidden_size", spec.dModel(), longest, checkpoint);
        if (spec.layerInputs() != null) {
            check("vocab_size_per_layer_input", spec.layerInputs().vocab(), longest, checkpoint);
            long inputs = (long) spec.nLayers() * spec.layerInputs().width();
            check("num_hidden_layers x hidden_size_per_layer_input", inputs, longest, checkpoint);
        }
        if (spec.altUp() != null) {
            long forms = spec.altUp().forms();
            check("altup_num_inputs x altup_num_inputs", forms * forms, longest, checkpoint);
        }
        LayerSpec before = null;
        for (LayerSpec layer : spec.layers()) {
            if (layer.equals(before)) continue;
            before = layer;
            if (layer.mixer() instanceof ShortConv c) check("conv_L_cache", c.width(), longest, checkpoint);
            if (layer.attends()) check(layer.attention(), longest, checkpoint);
            if (layer.recurrence() != null) check(layer.recurrence(), longest, checkpoint);
            if (layer.laurel() != null) check("laurel_rank", layer.laurel().rank(), longest, checkpoint);
            check("intermediate_size", layer.mlp().dMlp(), longest, checkpoint);
            Experts experts = layer.mlp().experts();
            if (experts == null) continue;
            check("num_experts", experts.count(), longest, checkpoint);
            if (experts.dShared() != null)
                check("shared_expert_intermediate_size", experts.dShared(), longest, checkpoint);
        }
    }

    private static void check(Recurrent r, long longest, Checkpoint checkpoint) {
        check("heads x head_dim of the recurrence", (long) r.nHeads() * r.dHead(), longest, checkpoint);
        check("state size of the recurrence", (long) Math.max(1, r.nKeyHeads()) * r.dState(), longest, checkpoint);
        check("channels of the convolution", r.channels(), longest, checkpoint);
    }

    private static void check(Attention a, long longest, Checkpoint checkpoint) {
        check("num_attention_heads x head_dim", (long) a.nHeads() * a.dHead(), longest, checkpoint);
        check("num_key_value_heads x head_dim", (long) a.nKvHeads() * a.dHead(), longest, checkpoint);
        if (a.latent() == null) return;
        check("kv_lora_rank", a.latent().dLatent(), longest, checkpoint);
        check("num_attention_heads x v_head_dim", (long) a.nHeads() * a.dValue(), longest, checkpoint);
    }

    /**
     * The longest side of any tensor; a packed low-bit weight has other sides, but its number of rows is one of them.
     */
    private static long longest(Checkpoint checkpoint) {
        Stream<List<Long>> shapes = checkpoint
                .onnx()
                .map(graph -> graph.weights().stream().map(OnnxFile.Weight::shape))
                .orElseGet(() -> checkpoint.tensors().values().stream().map(TensorInfo::shape));
        return shapes.flatMap(List::stream).mapToLong(Long::longValue).max().orElse(0);
    }

    private static void check(String field, long size, long longest, Checkpoint checkpoint) {
        if (size <= longest) return;
        throw Problem.invalid("the config says a size that is not in the files")
                .where(checkpoint.configFile() + ", field " + field)
                .expected("at most " + longest + ", the longest side of any tensor")
                .found(size)
                .instead("config.json and the weights are of different models: download the model again");
    }
}
