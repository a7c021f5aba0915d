package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Routing;

/**
 * DeepSeek V2: multi-head latent attention; after the first layers a mixture of experts, which are chosen globally or
 * from the best groups, and the shared experts as one wide expert for every token.
 */
final class DeepSeek2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("deepseek_v2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("q_lora_rank", 1536).whenAbsent("n_shared_experts", 2);
        boolean grouped = c.textOr("topk_method", "greedy").equals("group_limited_greedy");
        if (!grouped) only(c, "topk_method", "greedy");
        only(c, "scoring_func", "softmax");
        if (c.flag("norm_topk_prob", false))
            throw Problem.unsupported("weights of experts that are divided by their sum are not supported here")
                    .where(c.at("norm_topk_prob"))
                    .expected("false: transformers' DeepSeek V2 does not look at it, DeepSeek's own code does")
                    .found("true");
        int count = c.size("n_routed_experts", 64);
        int groups = groups(c, "n_group", grouped ? null : 1, count);
        int active = c.size("num_experts_per_tok");
        int best = groups(c, "topk_group", grouped ? null : 1, groups);
        double factor = c.number("routed_scaling_factor", 1);
        Routing routing = new Routing(false, false, grouped ? groups : 1, grouped ? best : 1, 1, (float) factor);
        LlamaShape shape = new LlamaShape(c).attentionBias().latent().mlpBias();
        return experts(c, shape, count, active, false, routing, c.size("moe_intermediate_size", 1407))
                .spec();
    }

    /** Adds the mixture, which V3 has too: in the layers that mlp_layer_types names, or else behind the first dense ones. */
    static LlamaShape experts(
            Config c, LlamaShape shape, int count, int active, boolean renormalised, Routing routing, int width) {
        c.ignore("aux_loss_alpha", "seq_aux", "ep_size", "num_nextn_predict_layers", "num_mtp_layers", "qk_head_dim");
        if (c.size("moe_layer_freq", 1) != 1)
            throw c.wrong("moe_layer_freq", "1: every layer behind the first", c.node("moe_layer_freq"));
        int perGroup = count / routing.groups();
        if (routing.groupBest() > perGroup && routing.groups() > 1)
            throw c.wrong("n_group", "groups of at least " + routing.groupBest() + " experts", routing.groups());
        if (active > routing.activeGroups() * perGroup)
            throw c.wrong("num_experts_per_tok", "at most as many as topk_group groups have", active);
        Integer shared = c.sizeOrNull("n_shared_experts");
        Integer dShared = shared == null ? null : c.product("n_shared_experts", shared, width);
        Experts experts = new Experts(count, active, renormalised, dShared, false, routing);
        double first = c.number("first_k_dense_replace", 0);
        List<JsonNode> types = c.perLayer("mlp_layer_types", shape.nLayers());
        if (types == null) return shape.experts(experts, width, layer -> layer >= first);
        for (JsonNode type : types)
            if (!Set.of("dense", "sparse").contains(type.asText()))
                throw c.wrong("mlp_layer_types", "dense or sparse", type);
        return shape.experts(experts, width, layer -> types.get(layer).asText().equals("sparse"));
    }

    /** A divisor of {@code of}; for topk_group any number up to it. */
    static int groups(Config c, String field, Integer whenNull, int of) {
        int groups = c.node(field) == null && whenNull != null ? whenNull : c.size(field);
        boolean divides = field.equals("topk_group") || of % groups == 0;
        if (groups > of || !divides) throw c.wrong(field, "a part of " + of, groups);
        return groups;
    }

    /** Refuses any other value than this one. */
    static void only(Config c, String field, String word) {
        if (c.textOr(field, word).equals(word)) return;
        throw Problem.unsupported("this way of choosing experts is not supported")
                .where(c.at(field))
                .expected(word)
                .found(c.text(field));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
