package org.llminspector.family;

import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * Spec of a model of no supported family that has an exported graph: the structure is found in the graph, the sizes in
 * config.json under the names that most families use.
 */
public final class ExportedOnlySpec {

    private static final List<String> WIDTH = List.of("hidden_size", "n_embd", "d_model");
    private static final List<String> HEADS = List.of("num_attention_heads", "n_head", "num_heads");
    private static final List<String> KV_HEADS = List.of("num_key_value_heads", "num_kv_heads");
    private static final List<String> CONTEXT =
            List.of("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length");
    private static final List<String> NEURONS = List.of("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner");
    private static final List<String> ACTIVATION =
            List.of("hidden_act", "hidden_activation", "activation_function", "activation");
    private static final List<String> EPSILON = List.of(
            "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon", "layernorm_epsilon");

    private ExportedOnlySpec() {}

    /**
     * Properties of a model found in its exported graph; a size is -1 where the graph does not determine it.
     *
     * @param dMlp neurons of an MLP
     * @param positions whether learned positions are added
     * @param centred whether norms subtract the mean
     * @param layers the parts of each block
     */
    public record Graph(
            int kvHeads, int dHead, int vocab, int dMlp, boolean positions, boolean centred, List<Set<Part>> layers) {
        public Graph {
            layers = List.copyOf(layers);
        }
    }

    /** Optional parts of a block, named as in LayerSpec. */
    public enum Part {
        ROPE,
        GATE,
        /** Attention and MLP read the same input. */
        PARALLEL,
        LN1,
        LN1_POST,
        LN2,
        LN2_POST,
        Q_NORM,
        K_NORM,
        QKV_BIAS,
        OUT_BIAS,
        MLP_BIAS
    }

    /** The spec of such a model; a size in neither source is refused by name. */
    public static DecoderSpec spec(Checkpoint checkpoint, Graph graph) {
        Config c = new Config(checkpoint.config(), checkpoint.configFile());
        int width = c.size(name(c, WIDTH));
        int heads = c.size(name(c, HEADS));
        int kvHeads = graph.kvHeads() > 0 ? graph.kvHeads() : c.size(name(c, KV_HEADS), heads);
        int dHead = graph.dHead() > 0 ? graph.dHead() : c.size("head_dim", Math.max(1, width / heads));
        int context = c.size(name(c, CONTEXT));
        int dMlp = graph.dMlp() > 0 ? graph.dMlp() : c.size(name(c, NEURONS));
        if (heads % kvHeads != 0)
            throw c.wrong(name(c, HEADS), "a multiple of " + kvHeads + ", as the graph has", heads);
        float scale = (float) c.number("attention_multiplier", 1 / Math.sqrt(dHead));
        Norm.Kind kind = graph.centred() ? Norm.Kind.LAYER : Norm.Kind.RMS;
        Norm norm = new Norm(kind, c.epsilon(name(c, EPSILON), 1e-5));
        boolean rotates = graph.layers().stream().anyMatch(l -> l.contains(Part.ROPE));
        Rope rope = rotates ? rope(c, dHead, context) : null;
        DecoderSpec spec = new DecoderSpec(
                c.text("model_type"),
                graph.vocab() > 0 ? graph.vocab() : c.size("vocab_size"),
                width,
                context,
                graph.positions(),
                (float) c.number("embedding_multiplier", 1),
                graph.layers().stream()
                        .map(l -> new LayerSpec(
                                l.contains(Part.LN1) ? norm : null,
                                AttentionBuilder.builder()
                                        .nHeads(heads)
                                        .nKvHeads(kvHeads)
                                        .dHead(dHead)
                                        .scale(scale)
                                        .rope(l.contains(Part.ROPE) ? rope : null)
                                        .qkvBias(l.contains(Part.QKV_BIAS))
                                        .outBias(l.contains(Part.OUT_BIAS))
                                        .qNorm(l.contains(Part.Q_NORM) ? norm : null)
                                        .kNorm(l.contains(Part.K_NORM) ? norm : null)
                                        .build(),
                                l.contains(Part.LN1_POST) ? norm : null,
                                l.contains(Part.LN2) ? norm : null,
                                new Mlp(
                                        dMlp,
                                        c.activation(name(c, ACTIVATION), ""),
                                        l.contains(Part.GATE),
                                        l.contains(Part.MLP_BIAS)),
                                l.contains(Part.LN2_POST) ? norm : null,
                                l.contains(Part.PARALLEL)))
                        .toList(),
                norm,
                c.flag("tie_word_embeddings", false),
                false,
                null,
                null);
        SizeCheck.check(spec, checkpoint);
        return spec;
    }

    /** The width of the residual stream in such a model's config. */
    public static int width(Checkpoint checkpoint) {
        Config c = new Config(checkpoint.config(), checkpoint.configFile());
        return c.size(name(c, WIDTH));
    }

    private static Rope rope(Config c, int dHead, int context) {
        if (c.has("rotary_emb_base")) c.spelled("rope_theta", "rotary_emb_base");
        Stream.of("rotary_pct", "rope_pct").filter(c::has).forEach(name -> c.spelled("partial_rotary_factor", name));
        return RopeConfig.read(c, dHead, context, 10_000);
    }

    /** The name that the config uses; the first one where it has none. */
    private static String name(Config c, List<String> names) {
        return names.stream().filter(c::has).findFirst().orElse(names.get(0));
    }

    /** Why a graph of an unsupported family cannot be opened. */
    public static Problem refusal(Checkpoint checkpoint, String found) {
        Config c = new Config(checkpoint.config(), checkpoint.configFile());
        return Problem.unsupported("this model family is not supported, and its graph is not built as those that are")
                .where(c.at("model_type"))
                .expected("one of " + Family.supported() + "; or a graph in which every block is found")
                .found(c.text("model_type") + ", " + found);
    }
}
