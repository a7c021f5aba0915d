package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.spec.Rope;

/**
 * Parser of RoPE's config as in transformers 4 ({@code rope_theta}, {@code rope_scaling}) and 5 ({@code
 * rope_parameters}). Source: transformers' modeling_rope_utils.py.
 */
final class RopeConfig {

    private final Config config;
    private final Config json;
    private final int maxContext;

    private RopeConfig(Config config, Config json, int maxContext) {
        this.config = config;
        this.json = json;
        this.maxContext = maxContext;
    }

    /**
     * @param dHead size of a head; partial_rotary_factor of it is rotated
     * @param maxContext config {@code max_position_embeddings}
     */
    static Rope read(Config config, int dHead, int maxContext, double defaultTheta) {
        String field = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        return read(config, config.inside(field), dHead, maxContext, config.positive("rope_theta", defaultTheta));
    }

    /**
     * @param json the scaling; empty for none
     * @param theta used when the scaling has none
     */
    static Rope read(Config config, Config json, int dHead, int maxContext, double theta) {
        double partial = json.number("partial_rotary_factor", config.number("partial_rotary_factor", 1));
        if (!(partial > 0 && partial <= 1)) {
            throw config.wrong("partial_rotary_factor", "more than 0 and at most 1", partial);
        }
        boolean proportional = json.textOr("rope_type", "").equals("proportional");
        int dims = proportional ? dHead : (int) (dHead * partial);
        Rope.Scaling scaling = proportional
                ? new Rope.Proportional(partial, json.positive("factor", 1))
                : new RopeConfig(config, json, maxContext).scaling(dims);
        double base = json.positive("rope_theta", theta);
        boolean fixed = scaling instanceof Rope.Default && json.has("alpha");
        if (fixed) base *= Math.pow(json.positive("alpha"), dims / (dims - 2.0));
        Rope rope = new Rope(dims, json.finite("alpha", base), scaling);
        if (dims >= 1 && rope.rotaryDims() <= dHead) return rope;
        throw config.wrong("partial_rotary_factor", "pairs within head_dim " + dHead, dims + " dimensions");
    }

    /** The longest sequence of a model made for maxContext: dynamic scaling extends it by its factor. */
    static int reach(int maxContext, Rope rope) {
        if (!(rope.scaling() instanceof Rope.Dynamic dynamic)) return maxContext;
        return (int) Math.min(Integer.MAX_VALUE, dynamic.factor() * maxContext);
    }

    private Rope.Scaling scaling(int dims) {
        config.ignore("original_max_position_embeddings"); // some types do not read it
        json.ignore("type", "rope_type", "factor", "original_max_position_embeddings");
        String type = json.has("rope_type") ? json.text("rope_type") : json.has("type") ? json.text("type") : "default";
        // Phi-3's first files call longrope "su" or "yarn".
        if (json.has("short_factor")) return longRope(dims);
        return switch (type) {
            case "default" -> new Rope.Default();
            case "linear" -> new Rope.Linear(factor());
            case "dynamic" -> json.has("alpha") ? fixed() : new Rope.Dynamic(factor(), maxContext);
            case "llama3" ->
                new Rope.Llama3(
                        factor(),
                        json.positive("low_freq_factor"),
                        json.positive("high_freq_factor"),
                        originalContext());
            case "yarn" -> yarn();
            case "longrope", "su" -> longRope(dims);
            default ->
                throw Problem.unsupported("this RoPE scaling is not supported")
                        .where(json.at("rope_type"))
                        .expected("default, linear, dynamic, yarn, llama3 or longrope")
                        .found(type);
        };
    }

    /** Hunyuan's "dynamic" has one alpha for every length, which multiplies theta; it reads no other field. */
    private Rope.Scaling fixed() {
        json.ignore("beta_fast", "beta_slow", "mscale", "mscale_all_dim");
        return new Rope.Default();
    }

    private Rope.Yarn yarn() {
        int original = originalContext();
        double factor = json.positive("factor", (double) maxContext / original);
        double mscale = json.number("mscale", 0);
        double mscaleAllDim = json.number("mscale_all_dim", 0);
        double attentionFactor = mscale != 0 && mscaleAllDim != 0
                ? mscale(factor, mscale) / mscale(factor, mscaleAllDim)
                : mscale(factor, 1);
        return new Rope.Yarn(
                factor,
                original,
                json.positive("beta_fast", 32),
                json.positive("beta_slow", 1),
                json.positive("attention_factor", attentionFactor),
                json.flag("truncate", true));
    }

    /** DeepSeek's factor of both queries and keys with scaled positions: that of {@code mscale_all_dim}; else 1. */
    static double attentionFactor(Config config, Rope rope) {
        Config json = config.inside(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
        double scale = json.number("mscale_all_dim", 0);
        boolean scaled = scale != 0 && !(rope.scaling() instanceof Rope.Default);
        return scaled ? config.finite("mscale_all_dim", mscale(json.positive("factor", 1), scale)) : 1;
    }

    private static double mscale(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private Rope.LongRope longRope(int dims) {
        int original = originalContext();
        double factor = json.positive("factor", (double) maxContext / original);
        double attentionFactor = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        if (json.has("short_mscale")) { // Phi 3.5 MoE
            attentionFactor = json.positive("short_mscale");
            double other = json.positive("long_mscale");
            if (other != attentionFactor) throw json.wrong("long_mscale", "short_mscale, " + attentionFactor, other);
        }
        return new Rope.LongRope(
                factors("short_factor", dims / 2),
                factors("long_factor", dims / 2),
                original,
                json.positive("attention_factor", attentionFactor));
    }

    private double factor() {
        double factor = json.number("factor");
        if (factor < 1) throw json.wrong("factor", "a number of at least 1", factor);
        return factor;
    }

    /** Phi-3 has it outside the rope object, which takes precedence. Default: maxContext. */
    private int originalContext() {
        int inside = json.size("original_max_position_embeddings", maxContext);
        return config.size("original_max_position_embeddings", inside);
    }

    private List<Double> factors(String name, int pairs) {
        JsonNode node = json.node(name);
        if (node == null || !node.isArray() || node.size() != pairs) {
            throw json.wrong(name, "a list of " + pairs + " numbers, one per pair", node);
        }
        List<Double> values = new ArrayList<>();
        for (JsonNode v : node) {
            if (!v.isNumber() || !((float) v.asDouble() > 0)) throw json.wrong(name, "numbers above 0", v);
            values.add(json.finite(name, v.asDouble()));
        }
        return values;
    }
}
