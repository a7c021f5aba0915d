package org.llminspector.spec;

import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.base.Built;

/**
 * Architecture of a decoder-only transformer: every setting that determines its arithmetic.
 *
 * @param family the family's name, config.json's {@code model_type} (for display only)
 * @param vocab rows of the embedding and of the unembedding (config {@code vocab_size})
 * @param dModel width of the residual stream (config {@code hidden_size}, {@code n_embd})
 * @param maxContext context length (config {@code max_position_embeddings}; with dynamic RoPE times its factor)
 * @param learnedPositions whether a table of {@code maxContext} learned vectors is added to the embeddings
 * @param embedScale factor on the embedding (1 except in Gemma and Granite)
 * @param embedNorm norm of the embeddings before the first block, or null (BLOOM)
 * @param layers one per block, in order
 * @param finalNorm the norm before the unembedding
 * @param tied whether unembedding and embedding share one table (config {@code tie_word_embeddings})
 * @param unembedBias whether the unembedding adds a bias
 * @param logitScale factor on the logits, or null for 1 (Cohere's {@code logit_scale}, 1 / Granite's {@code
 *     logits_scaling})
 * @param logitSoftcap c in c * tanh(logits / c), or null (Gemma 2's {@code final_logit_softcapping})
 * @param dEmbed width of the embedding and the unembedding where projections connect them to the stream, or null for
 *     dModel (OPT 350M's {@code word_embed_proj_dim})
 * @param layerInputs what each layer reads of the tokens themselves, or null
 * @param altUp the stream's forms, or null for one
 */
@Built
public record DecoderSpec(
        String family,
        int vocab,
        int dModel,
        int maxContext,
        boolean learnedPositions,
        float embedScale,
        Norm embedNorm,
        List<LayerSpec> layers,
        Norm finalNorm,
        boolean tied,
        boolean unembedBias,
        Float logitScale,
        Float logitSoftcap,
        Integer dEmbed,
        LayerInputs layerInputs,
        AltUp altUp) {

    public DecoderSpec {
        layers = List.copyOf(layers);
    }

    /** Of Llama's shape: every layer alike, with RMSNorm, this attention and a SwiGLU MLP without biases. */
    public static DecoderSpec llama(
            String family,
            int vocab,
            int dModel,
            int maxContext,
            int nLayers,
            Attention attention,
            int dMlp,
            double normEps,
            boolean tied) {
        Norm norm = new Norm(Norm.Kind.RMS, normEps);
        Mlp mlp = new Mlp(dMlp, Activation.SILU, true, false);
        List<LayerSpec> layers =
                Collections.nCopies(nLayers, new LayerSpec(norm, attention, null, norm, mlp, null, false));
        return new DecoderSpec(family, vocab, dModel, maxContext, false, 1f, layers, norm, tied, false, null, null);
    }

    /** Without a norm of the embeddings, and with tables as wide as the stream. */
    public DecoderSpec(
            String family,
            int vocab,
            int dModel,
            int maxContext,
            boolean learnedPositions,
            float embedScale,
            List<LayerSpec> layers,
            Norm finalNorm,
            boolean tied,
            boolean unembedBias,
            Float logitScale,
            Float logitSoftcap) {
        this(
                family,
                vocab,
                dModel,
                maxContext,
                learnedPositions,
                embedScale,
                null,
                layers,
                finalNorm,
                tied,
                unembedBias,
                logitScale,
                logitSoftcap,
                null,
                null,
                null);
    }

    /** Width of the embedding's rows. */
    public int tableWidth() {
        return dEmbed == null ? dModel : dEmbed;
    }

    public int nLayers() {
        return layers.size();
    }

    /** Indices of the layers with attention. */
    public List<Integer> attending() {
        return IntStream.range(0, nLayers())
                .filter(i -> layers.get(i).attends())
                .boxed()
                .toList();
    }

    /** Indices of the layers with a recurrence. */
    public List<Integer> recurring() {
        return IntStream.range(0, nLayers())
                .filter(i -> layers.get(i).recurrence() != null)
                .boxed()
                .toList();
    }

    /** Whether a later layer reads this one's keys and values. */
    public boolean lendsKeys(int layer) {
        return attentions().anyMatch(a -> a.keysFrom() != null && a.keysFrom() == layer);
    }

    /** The attention of each layer with attention. */
    public Stream<Attention> attentions() {
        return layers.stream().filter(LayerSpec::attends).map(LayerSpec::attention);
    }

    /** The distinct RoPE settings of its layers. */
    public List<Rope> ropes() {
        return attentions()
                .map(Attention::rope)
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    /** The distinct ALiBi settings of its layers. */
    public List<Alibi> alibis() {
        return attentions()
                .map(Attention::alibi)
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    /**
     * Per-layer embeddings (Gemma 3n, 4): a token's own small input to every layer, which a gate of the stream multiplies
     * and a projection adds to the stream after the MLP.
     *
     * <p>{@code input = (norm(project(embedding) / sqrt(d_model)) + table[token] sqrt(width)) / sqrt(2)}, {@code width}
     * numbers for each layer; {@code out = norm(out(act(gate(x)) * input))}.
     *
     * @param width numbers of a token for one layer (config {@code hidden_size_per_layer_input})
     * @param vocab rows of the table (config {@code vocab_size_per_layer_input}); a token beyond them reads row 0
     * @param activation of the gate
     * @param norm of the projection, and of what is added
     */
    public record LayerInputs(int width, int vocab, Activation activation, Norm norm) {}

    /**
     * Alternating updates (Baykal et al. 2023; Gemma 3n): the residual stream has several forms, of which a layer computes
     * with the first. Before it each form is predicted as a mixture of all; after it each takes a share of what the first
     * form's prediction missed.
     *
     * <p>{@code p = x + C x} with C of {@code tanh(router(norm(x_0) / d_model))}; {@code x' = p + (layer(p_0) - p_0)(c +
     * 1)} with c of the same function of {@code layer(p_0)}. The unembedding reads the mean of the forms.
     *
     * @param forms their number (config {@code altup_num_inputs})
     * @param norm of what the router reads
     * @param scaled whether the first form is multiplied by a learned vector before the per-layer inputs' gate reads it
     *     (config {@code altup_correct_scale})
     */
    public record AltUp(int forms, Norm norm, boolean scaled) {}
}
