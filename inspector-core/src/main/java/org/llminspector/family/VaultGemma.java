package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/** VaultGemma: Gemma 2 without the norms after attention and MLP. */
final class VaultGemma implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("vaultgemma");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("vocab_size", 256_000)
                .whenAbsent("max_position_embeddings", 8192)
                .whenAbsent("attn_logit_softcapping", 50.0)
                .whenAbsent("final_logit_softcapping", 30.0);
        return Gemma2.shape(c)
                .noPostNorms()
                .softcaps(c.positiveOrNull("attn_logit_softcapping"), c.positiveOrNull("final_logit_softcapping"))
                .window(c.sizeOrNull("sliding_window"), layer -> layer % 2 == 0)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String norm = LlamaShape.root(checkpoint) + "layers." + i + ".pre_feedforward_layernorm";
            plan.rmsNorm("blocks." + i + ".ln2", norm, s.dModel());
        }
        return plan.norms(Source::plusOne);
    }
}
