package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Mlp;

/** StarCoder2: LayerNorm, a plain MLP with GELU, biases everywhere (config use_bias), a sliding window in every layer. */
final class StarCoder2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("starcoder2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("embedding_dropout", "residual_dropout");
        // Settings of its training code; the reference reads none of them.
        c.ignore("activation_function", "attention_softmax_in_fp32", "mlp_type", "norm_type");
        c.ignore("scale_attention_softmax_in_fp32", "scale_attn_weights");
        c.whenAbsent("hidden_act", "gelu_pytorch_tanh")
                .whenAbsent("num_key_value_heads", 2)
                .whenAbsent("max_position_embeddings", 4096)
                .whenAbsent("tie_word_embeddings", true);
        return new LlamaShape(c)
                .layerNorms("norm_epsilon")
                .plainMlp()
                .biases(c.flag("use_bias", true))
                .window(c.sizeOrNull("sliding_window"))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            Mlp mlp = s.layers().get(i).mlp();
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".mlp.";
            plan.linear("blocks." + i + ".mlp.in", from + "c_fc", mlp.dMlp(), s.dModel(), mlp.bias())
                    .linear("blocks." + i + ".mlp.out", from + "c_proj", s.dModel(), mlp.dMlp(), mlp.bias());
        }
        return plan;
    }
}
