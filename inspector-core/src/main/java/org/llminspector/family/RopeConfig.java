package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.spec.Rope;

/**
 * RopeConfig reads RoPE as transformers 4 ({@code rope_theta}, {@code rope_scaling}) and 5
 * ({@code rope_parameters}) spell it. Source: transformers' modeling_rope_utils.py.
 */
final class RopeConfig {

    private final Config config;
    private final String field;
    private final JsonNode json;
    private final int maxContext;

    private RopeConfig(Config config, String field, JsonNode json, int maxContext) {
        this.config = config;
        this.field = field;
        this.json = json;
        this.maxContext = maxContext;
    }

    /**
     * @param dHead size of a head; partial_rotary_factor of it turns
     * @param maxContext config {@code max_position_embeddings}
     */
    static Rope read(Config config, int dHead, int maxContext, double defaultTheta) {
        String field = config.node("rope_parameters") != null ? "rope_parameters" : "rope_scaling";
        JsonNode json = config.node(field);
        if (json != null && !json.isObject()) throw config.wrong(field, "an object", json);
        double theta = config.number("rope_theta", defaultTheta);
        double partial = config.number("partial_rotary_factor", 1);
        RopeConfig rope = new RopeConfig(config, field, json, maxContext);
        theta = rope.number("rope_theta", theta);
        partial = rope.number("partial_rotary_factor", partial);
        int dims = (int) (dHead * partial);
        if (dims < 2 || dims % 2 != 0 || dims > dHead) {
            throw config.wrong("partial_rotary_factor", "an even part of head_dim " + dHead, dims);
        }
        return new Rope(dims, theta, rope.scaling());
    }

    private Rope.Scaling scaling() {
        String type = json == null
                ? "default"
                : json.path("rope_type").asText(json.path("type").asText("default"));
        return switch (type) {
            case "default" -> new Rope.Default();
            case "linear" -> new Rope.Linear(factor());
            case "dynamic" -> new Rope.Dynamic(factor(), maxContext);
            case "llama3" ->
                new Rope.Llama3(
                        factor(),
                        number("low_freq_factor", Double.NaN),
                        number("high_freq_factor", Double.NaN),
                        originalContext());
            case "yarn" -> yarn();
            case "longrope", "su" -> longRope();
            default ->
                throw Problem.unsupported("this RoPE scaling is not supported")
                        .where(config.at(field + ".rope_type"))
                        .expected("default, linear, dynamic, yarn, llama3 or longrope")
                        .found(type);
        };
    }

    private Rope.Yarn yarn() {
        int original = originalContext();
        double factor = number("factor", (double) maxContext / original);
        double mscale = number("mscale", 0);
        double mscaleAllDim = number("mscale_all_dim", 0);
        double warm = mscale != 0 && mscaleAllDim != 0
                ? mscale(factor, mscale) / mscale(factor, mscaleAllDim)
                : mscale(factor, 1);
        return new Rope.Yarn(
                factor,
                original,
                number("beta_fast", 32),
                number("beta_slow", 1),
                number("attention_factor", warm),
                json.path("truncate").asBoolean(true));
    }

    private static double mscale(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private Rope.LongRope longRope() {
        int original = originalContext();
        double factor = number("factor", (double) maxContext / original);
        double warm = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        return new Rope.LongRope(list("short_factor"), list("long_factor"), original, number("attention_factor", warm));
    }

    private double factor() {
        double factor = number("factor", Double.NaN);
        if (!(factor >= 1)) throw config.wrong(field + ".factor", "a number of at least 1", json.get("factor"));
        return factor;
    }

    /** Phi-3 keeps it outside the rope object; it wins there. Absent, it is maxContext. */
    private int originalContext() {
        int outside = config.size("original_max_position_embeddings", 0);
        return outside > 0 ? outside : (int) number("original_max_position_embeddings", maxContext);
    }

    private double number(String name, double whenAbsent) {
        JsonNode node = json == null ? null : json.get(name);
        if (node == null || node.isNull()) {
            if (Double.isNaN(whenAbsent)) throw config.wrong(field + "." + name, "a number", node);
            return whenAbsent;
        }
        if (!node.isNumber()) throw config.wrong(field + "." + name, "a number", node);
        return node.asDouble();
    }

    private List<Double> list(String name) {
        JsonNode node = json.get(name);
        if (node == null || !node.isArray()) throw config.wrong(field + "." + name, "a list of numbers", node);
        List<Double> values = new ArrayList<>();
        node.forEach(v -> values.add(v.asDouble()));
        return values;
    }
}
