package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpecBuilder;
import org.llminspector.spec.Mixer;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;
import org.llminspector.spec.ShortConv;

/**
 * Builder of the spec of Llama-like families; each family sets its differences and then requests the {@link #spec}.
 *
 * <p>Llama itself: RMSNorm before attention and MLP, RoPE, grouped-query attention, SwiGLU, no biases.
 */
final class LlamaShape {

    private final Config c;
    private final int dModel;
    private final int nHeads;
    private final int nKvHeads;
    private int dHead;
    private final int nLayers;
    private final int maxContext;
    private Norm norm;
    private boolean qkvBias;
    private boolean outBias;
    private boolean mlpBias;
    private boolean gated = true;
    private boolean learnedActivation;
    private boolean parallel;
    private boolean preNorms = true;
    private boolean postNorms;
    private Norm qkNorm;
    private boolean qkNormWide;
    private boolean qkNormByHead;
    private Float clip;
    private float scale;
    private Float scoreSoftcap;
    private float embedScale = 1f;
    private Float residualScale;
    private boolean unembedBias;
    private Float logitScale;
    private Float logitSoftcap;
    private boolean partialRotary;
    private Rope rope;
    private Rope localRope;
    private IntPredicate rotates = layer -> true;
    private Integer window;
    private IntPredicate local = layer -> true;
    private boolean sinks;
    private Float limit;
    private Experts experts;
    private int dExpert;
    private IntPredicate sparse = layer -> false;
    private Latent latent;
    private Integer neurons;
    private ShortConv conv;
    private IntPredicate convolving = layer -> false;
    private BiFunction<Integer, AttentionBuilder, AttentionBuilder> attention = (layer, a) -> a;
    private BiFunction<Integer, Attention, Mixer> mixers =
            (i, attention) -> this.convolving.test(i) ? this.conv : attention;

    LlamaShape(Config c) {
        this.c = c;
        c.ignore("attention_dropout");
        dModel = c.size("hidden_size");
        nHeads = c.size("num_attention_heads");
        nKvHeads = c.size("num_key_value_heads", nHeads);
        if (nHeads % nKvHeads != 0) throw c.wrong("num_key_value_heads", "a divisor of " + nHeads, nKvHeads);
        dHead = c.size("head_dim", Math.max(1, dModel / nHeads));
        nLayers = c.layers("num_hidden_layers");
        maxContext = c.size("max_position_embeddings", 2048);
        norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6));
        scale = (float) (1 / Math.sqrt(dHead));
    }

    int nLayers() {
        return nLayers;
    }

    /** Config attention_bias: biases on q, k, v and the output projection. */
    LlamaShape attentionBias() {
        qkvBias = outBias = c.flag("attention_bias", false);
        return this;
    }

    LlamaShape qkvBias() {
        qkvBias = true;
        return this;
    }

    /** Changes the attention of each layer, given its number. */
    LlamaShape attention(BiFunction<Integer, AttentionBuilder, AttentionBuilder> change) {
        attention = change;
        return this;
    }

    LlamaShape outBias(boolean on) {
        outBias = on;
        return this;
    }

    /** Config mlp_bias. */
    LlamaShape mlpBias() {
        mlpBias = c.flag("mlp_bias", false);
        return this;
    }

    /** Norms of attention's and the MLP's output, in addition to those of their input or instead of them. */
    LlamaShape postNorms(boolean keepPreNorms) {
        postNorms = true;
        preNorms = keepPreNorms;
        return this;
    }

    LlamaShape noPostNorms() {
        postNorms = false;
        return this;
    }

    /** Norms of q and k: per head, or over the width of all heads at once. */
    LlamaShape qkNorm(boolean wide) {
        qkNorm = norm;
        qkNormWide = wide;
        return this;
    }

    /** Norms of q and k, if this flag is on, with weights per head and no biases. */
    LlamaShape qkNormByHead(String flag) {
        qkNormByHead = c.flag(flag, false);
        if (qkNormByHead) qkNorm = new Norm(norm.kind(), norm.eps(), true, false);
        return this;
    }

    /** LayerNorm instead of RMSNorm. */
    LlamaShape layerNorms(String epsField) {
        return norms(new Norm(Norm.Kind.LAYER, c.epsilon(epsField, 1e-5)));
    }

    /** Each head has an attention sink. */
    LlamaShape sinks() {
        sinks = true;
        return this;
    }

    /** Config swiglu_limit and swiglu_alpha; hidden_act is ignored, as in the reference. */
    LlamaShape clampedSwiglu() {
        c.ignore("hidden_act");
        double alpha = c.number("swiglu_alpha", 1.702);
        if (alpha != 1.702) throw c.wrong("swiglu_alpha", "1.702", alpha);
        limit = (float) c.positive("swiglu_limit", 7);
        mlpBias = true;
        return this;
    }

    LlamaShape norms(Norm all) {
        norm = all;
        return this;
    }

    /** Config clip_qkv: q, k and v are clamped to it. */
    LlamaShape clipsQkv() {
        clip = c.positiveOrNull("clip_qkv");
        return this;
    }

    /** An MLP without a gate. */
    LlamaShape plainMlp() {
        gated = false;
        return this;
    }

    /** Activation xIELU, unless config hidden_act names another. */
    LlamaShape learnedActivation() {
        learnedActivation = c.textOr("hidden_act", "xielu").equals("xielu");
        return this;
    }

    /** A mixture in these layers, with this width per expert; config intermediate_size is the other layers'. */
    LlamaShape experts(Experts mixture, int width, IntPredicate layers) {
        experts = mixture;
        dExpert = width;
        sparse = layers;
        if (mixture.active() > mixture.count())
            throw c.wrong("num_experts_per_tok", "at most " + mixture.count() + " experts", mixture.active());
        if ((long) mixture.count() * width > 1 << 29)
            throw c.wrong("num_experts", "experts of " + width + " neurons whose rows can be counted", mixture.count());
        return this;
    }

    /** Multi-head latent attention (DeepSeek): a head consists of a part with RoPE and one without. */
    LlamaShape latent() {
        int rotaryDims = c.size("qk_rope_head_dim", 64);
        if (nKvHeads != nHeads) throw c.wrong("num_key_value_heads", "num_attention_heads, " + nHeads, nKvHeads);
        if (rotaryDims % 2 != 0) throw c.wrong("qk_rope_head_dim", "an even number", rotaryDims);
        dHead = c.sum("qk_nope_head_dim", c.size("qk_nope_head_dim", 128), rotaryDims);
        // The epsilon of its norms is in no field.
        Norm own = new Norm(Norm.Kind.RMS, 1e-6);
        latent = new Latent(
                c.size("kv_lora_rank", 512), c.sizeOrNull("q_lora_rank"), c.size("v_head_dim", 128), rotaryDims, own);
        rope = RopeConfig.read(c, rotaryDims, maxContext, 10_000);
        if (rope.dims() != rotaryDims) throw c.wrong("partial_rotary_factor", "1", rope.dims() + " of " + rotaryDims);
        double attentionFactor = RopeConfig.attentionFactor(c, rope);
        scale = (float) (attentionFactor * attentionFactor / Math.sqrt(dHead));
        return partialRotary();
    }

    /** This number of neurons instead of config intermediate_size. */
    LlamaShape neurons(int count) {
        neurons = count;
        return this;
    }

    /** A short convolution instead of attention in these layers. */
    LlamaShape convolves(ShortConv mixer, IntPredicate layers) {
        conv = mixer;
        convolving = layers;
        return this;
    }

    /** The mixer of each layer, given the attention that it would have. */
    LlamaShape mixers(BiFunction<Integer, Attention, Mixer> all) {
        mixers = all;
        return this;
    }

    /** Biases of the MLP. */
    LlamaShape mlpBiases() {
        mlpBias = true;
        return this;
    }

    /** Biases everywhere, or nowhere. */
    LlamaShape biases(boolean everywhere) {
        qkvBias = outBias = mlpBias = everywhere;
        return this;
    }

    /** Attention and MLP both read the block's input, through one norm. */
    LlamaShape parallel(boolean on) {
        parallel = on;
        return this;
    }

    LlamaShape scale(double factor) {
        scale = (float) factor;
        return this;
    }

    LlamaShape softcaps(Float scores, Float logits) {
        scoreSoftcap = scores;
        logitSoftcap = logits;
        return this;
    }

    /** The unembedding has a bias. */
    LlamaShape unembedBias() {
        unembedBias = true;
        return this;
    }

    /** Factor of the logits. */
    LlamaShape logitScale(double factor) {
        logitScale = factorOrNull(factor);
        return this;
    }

    private static Float factorOrNull(double factor) {
        return factor == 1 ? null : (float) factor;
    }

    /** Embeddings are multiplied by sqrt(hidden_size). */
    LlamaShape scaledEmbedding() {
        return embedScale(Math.sqrt(dModel));
    }

    /** Factor of the embeddings. */
    LlamaShape embedScale(double factor) {
        embedScale = (float) factor;
        return this;
    }

    /** Factor of the residual additions of attention and MLP. */
    LlamaShape residualScale(double factor) {
        residualScale = factorOrNull(factor);
        return this;
    }

    /** Allows config partial_rotary_factor below 1. */
    LlamaShape partialRotary() {
        partialRotary = true;
        return this;
    }

    /** Separate RoPEs for layers with and without a window; their scaling may be empty. */
    LlamaShape ropes(Config scaling, double theta, Config localScaling, double localTheta) {
        rope = RopeConfig.read(c, scaling, dHead, maxContext, theta);
        localRope = RopeConfig.read(c, localScaling, dHead, maxContext, localTheta);
        return this;
    }

    LlamaShape rotatesIn(IntPredicate layers) {
        rotates = layers;
        return this;
    }

    /** Where there is a window, only layers with it have RoPE (NoPE elsewhere). */
    LlamaShape rotatesInWindows() {
        rotates = layer -> window == null || local.test(layer);
        return this;
    }

    /** Sliding window of every layer, or none when null. */
    LlamaShape window(Integer size) {
        window = size;
        return this;
    }

    /** A window only in these layers: those that config layer_types calls sliding, or else the rule's. */
    LlamaShape window(Integer size, IntPredicate rule) {
        window = size;
        List<JsonNode> types = c.perLayer("layer_types", nLayers);
        local = types == null ? rule : layer -> sliding(types.get(layer).asText());
        return this;
    }

    /** Whether a layer has a window. */
    boolean windowed(int layer) {
        return window != null && local.test(layer);
    }

    private boolean sliding(String type) {
        boolean sliding = type.equals("sliding_attention");
        if (sliding && window == null)
            throw c.wrong("sliding_window", "a size, for layer_types has sliding layers", null);
        if (sliding || type.equals("full_attention")) return sliding;
        throw Problem.unsupported("this kind of layer is not supported")
                .where(c.at("layer_types"))
                .expected("full_attention or sliding_attention")
                .found(type);
    }

    DecoderSpec spec() {
        if (rope == null) rope = RopeConfig.read(c, dHead, maxContext, 10_000);
        if (!partialRotary && rope.dims() != dHead)
            throw c.wrong("partial_rotary_factor", "1", rope.dims() + " of " + dHead);
        Activation activation = learnedActivation
                ? Activation.XIELU
                : limit != null ? Activation.GELU_QUICK : c.activation("hidden_act", "silu");
        boolean allSparse = IntStream.range(0, nLayers).allMatch(sparse);
        c.ignore("intermediate_size");
        if (neurons == null && !allSparse) neurons = c.size("intermediate_size");
        Mlp dense = allSparse ? null : new Mlp(neurons, activation, gated, mlpBias, limit, null);
        Mlp mixture = new Mlp(dExpert, activation, gated, mlpBias, limit, experts);
        Norm pre = preNorms ? norm : null;
        Norm post = postNorms ? norm : null;
        return new DecoderSpec(
                c.text("model_type"),
                c.size("vocab_size"),
                dModel,
                RopeConfig.reach(maxContext, rope),
                false,
                embedScale,
                IntStream.range(0, nLayers)
                        .mapToObj(i -> LayerSpecBuilder.builder()
                                .ln1(pre)
                                .mixer(mixers.apply(i, attention(i)))
                                .ln1Post(post)
                                .ln2(pre)
                                .mlp(sparse.test(i) ? mixture : dense)
                                .ln2Post(post)
                                .parallel(parallel)
                                .residualScale(residualScale)
                                .build())
                        .toList(),
                norm,
                c.flag("tie_word_embeddings", false),
                unembedBias,
                logitScale,
                logitSoftcap);
    }

    private Attention attention(int layer) {
        boolean windowed = local.test(layer);
        Rope turn = windowed && localRope != null ? localRope : rope;
        AttentionBuilder builder = AttentionBuilder.builder()
                .nHeads(nHeads)
                .nKvHeads(nKvHeads)
                .dHead(dHead)
                .scale(scale)
                .rope(rotates.test(layer) ? turn : null)
                .window(windowed ? window : null)
                .scoreSoftcap(scoreSoftcap)
                .qkvBias(qkvBias)
                .outBias(outBias)
                .qNorm(qkNorm)
                .kNorm(qkNorm)
                .qkNormWide(qkNormWide)
                .qkNormByHead(qkNormByHead)
                .clip(clip)
                .latent(latent)
                .sinks(sinks);
        return attention.apply(layer, builder).build();
    }

    /** Llama's tensor names for all parts of the spec. */
    static WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = root(checkpoint);
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) LlamaTensors.layer(plan, s, i, root + "layers." + i + ".", checkpoint);
        plan.norm(
                s.finalNorm(),
                "ln_final",
                root + (checkpoint.has(root + "final_layernorm.weight") ? "final_layernorm" : "norm"),
                d);
        String head = checkpoint.has("language_model.lm_head.weight") ? "language_model.lm_head" : "lm_head";
        if (!s.tied()) plan.put("unembed.weight", Source.of(head + ".weight", s.vocab(), d));
        if (s.unembedBias()) plan.put("unembed.bias", Source.of(head + ".bias", s.vocab()));
        return plan;
    }

    /** The prefix of the tensor names: empty in a headless model, longer in a multimodal one. */
    static String root(Checkpoint checkpoint) {
        return Stream.of("model.", "language_model.model.", "model.language_model.")
                .filter(root -> checkpoint.has(root + "embed_tokens.weight"))
                .findFirst()
                .orElse("");
    }
}
