package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Built;

/**
 * A transformer block: a {@link Mixer} and an MLP, each added to the residual stream. Either may be missing.
 *
 * <p>Sequential: {@code mid = pre + s ln1Post(attn(ln1(pre))); post = mid + s ln2Post(mlp(ln2(mid)))}, s the residual
 * scale. Parallel: {@code post = pre + s attn(ln1(pre)) + s mlp(ln2(pre))}. A norm that is null is left out. With norms
 * in the stream: {@code x = ln1(pre); mid = x + attn(x); y = ln2(mid); post = y + mlp(y)}.
 *
 * @param ln1 norm before the mixer, or null (OLMo 2)
 * @param mixer attention, {@code attn} above, or another mixer, or null. In JSON it is {@code attention}, {@code conv},
 *     {@code recurrence}, or the first and the last of these together
 * @param ln1Post norm of the mixer's output before it is added, or null
 * @param ln2 norm before the MLP, or null (OLMo 2)
 * @param mlp the MLP, or {@link Mlp#NONE}
 * @param ln2Post norm of the MLP's output before it is added, or null
 * @param parallel whether attention and MLP both read the block's input (GPT-NeoX)
 * @param residualScale factor on the outputs of attention and MLP, or null for 1 (Granite's {@code
 *     residual_multiplier})
 * @param streamNorms whether the outputs of ln1 and ln2 replace the stream (post-norm, as in the original transformer:
 *     OPT 350M; a block's last norm is here the next block's ln1)
 * @param factors of the stream and of what is added to it, or null for 1
 * @param scaled whether the stream after the layer is multiplied by a learned number (Gemma 4's {@code layer_scalar})
 * @param laurel a low-rank path parallel to attention, or null
 */
@Built
@JsonIgnoreProperties("mixer")
public record LayerSpec(
        Norm ln1,
        Mixer mixer,
        Norm ln1Post,
        Norm ln2,
        Mlp mlp,
        Norm ln2Post,
        boolean parallel,
        Float residualScale,
        boolean streamNorms,
        StreamFactors factors,
        boolean scaled,
        Laurel laurel) {

    /** Without a residual scale and norms in the stream. */
    public LayerSpec(Norm ln1, Mixer mixer, Norm ln1Post, Norm ln2, Mlp mlp, Norm ln2Post, boolean parallel) {
        this(ln1, mixer, ln1Post, ln2, mlp, ln2Post, parallel, null, false, null, false, null);
    }

    /** Attention and a recurrence that read the same input and whose outputs are added (Falcon-H1). */
    public record Both(Attention attention, Recurrent recurrence) implements Mixer {}

    /** Whether the layer has attention. */
    public boolean attends() {
        return mixer instanceof Attention || mixer instanceof Both;
    }

    /** Whether it has a short convolution instead. */
    public boolean convolves() {
        return mixer instanceof ShortConv;
    }

    /** Whether it has an MLP. */
    public boolean feedsForward() {
        return !mlp.equals(Mlp.NONE);
    }

    /** Its recurrence, or null. */
    @JsonProperty("recurrence")
    public Recurrent recurrence() {
        if (mixer instanceof Both both) return both.recurrence();
        return mixer instanceof Recurrent r ? r : null;
    }

    /** What is in it of {@code attention}, {@code conv} and the kinds of a recurrence; nothing where no position reads others. */
    public List<String> mixers() {
        List<String> kinds = new ArrayList<>();
        if (attends()) kinds.add("attention");
        if (convolves()) kinds.add("conv");
        if (recurrence() != null) kinds.add(recurrence().kind());
        return kinds;
    }

    /** The attention of a layer that {@link #attends}. */
    public Attention attention() {
        if (mixer instanceof Attention a) return a;
        if (mixer instanceof Both both) return both.attention();
        throw new IllegalStateException("this layer has no attention but " + mixer);
    }

    @JsonProperty("attention")
    Attention attentionInJson() {
        return attends() ? attention() : null;
    }

    @JsonProperty("conv")
    ShortConv convInJson() {
        return mixer instanceof ShortConv c ? c : null;
    }

    /**
     * Learned augmented residual (LAuReL, Menghani et al. 2024; Gemma 3n): {@code mid = (pre + attn(x) + x +
     * norm(right(left(x)))) / sqrt(2)}, x the layer's normed input.
     *
     * @param rank of the two matrices' product (config {@code laurel_rank})
     * @param norm of it
     */
    public record Laurel(int rank, Norm norm) {}
}
