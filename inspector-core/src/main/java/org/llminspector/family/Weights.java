package org.llminspector.family;

import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.spec.DecoderSpec;

/**
 * Weights are a model's parameters under canonical names, whatever its files call them. Matrices are [out, in].
 *
 * <p>{@code embed.weight} [vocab, d_model], {@code pos_embed.weight} [context, d_model], in block i
 * {@code blocks.i.} + {@code ln1|ln1_post|ln2|ln2_post.weight|bias}, {@code attn.q|k|v|o.weight|bias},
 * {@code attn.q_norm|k_norm.weight}, {@code mlp.gate|in|out.weight|bias}; {@code ln_final.weight|bias},
 * {@code unembed.weight} [vocab, d_model] (absent when tied).
 */
public final class Weights {

    private final DecoderSpec spec;
    private final Checkpoint checkpoint;
    private final WeightPlan plan;

    Weights(DecoderSpec spec, Checkpoint checkpoint, WeightPlan plan) {
        this.spec = spec;
        this.checkpoint = checkpoint;
        this.plan = plan;
    }

    public DecoderSpec spec() {
        return spec;
    }

    /** Every canonical weight that this model has, in the order of the data through it. */
    public Set<String> names() {
        return Collections.unmodifiableSet(plan.names());
    }

    /** The files' tensor that a canonical weight is (part of). */
    public TensorInfo info(String name) {
        return checkpoint.info(source(name).tensor());
    }

    public boolean has(String name) {
        return plan.source(name) != null;
    }

    /** One weight in the number format of the file; unchanged ones are views of the mapped file. */
    public Tensor get(String name) {
        return source(name).read(checkpoint);
    }

    /** The blocks of quantized numbers that the file has this matrix in, row by row; empty where it has none for it. */
    public Optional<GgufRows> blocks(String name) {
        WeightPlan.Source source = source(name);
        WeightPlan.Source.Rows rows = source.inFile();
        TensorInfo info = info(name);
        if (rows == null || info.blocks() == null || info.shape().size() != 2) return Optional.empty();
        return Optional.of(checkpoint.blocks(source.tensor(), rows.from(), rows.from() + rows.count()));
    }

    private WeightPlan.Source source(String name) {
        WeightPlan.Source source = plan.source(name);
        if (source == null) throw new IllegalArgumentException("no canonical weight " + name);
        return source;
    }
}
