package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufTensor;

/** Reader of RoPE scaling from a GGUF file, which stores some kinds as tensors with one frequency divisor per pair. */
final class GgufRope {

    /** Llama 3's divisors; its four parameters are not in the file. */
    static final String LLAMA3 = "rope_freqs.weight";

    static final String SHORT = "rope_factors_short.weight";
    static final String LONG = "rope_factors_long.weight";

    /** Constants of all Llama 3 models. */
    private static final double LOW_FREQ_FACTOR = 1;

    private static final double HIGH_FREQ_FACTOR = 4;
    private static final int LLAMA3_CONTEXT = 8192;

    private GgufRope() {}

    /** Adds partial_rotary_factor, rope_scaling and original_max_position_embeddings where the file has them. */
    static void read(ObjectNode c, GgufKeys keys, GgufFile file, int dHead) {
        int dims = keys.size("rope.dimension_count", dHead);
        c.put("partial_rotary_factor", part(dims, dHead));
        int context = c.get("max_position_embeddings").asInt();
        boolean phi3 = c.get("model_type").asText().equals("phi3");
        int original = keys.size("rope.scaling.original_context_length", context);
        if (phi3) c.put("original_max_position_embeddings", original);
        String type = keys.text("rope.scaling.type", "none");
        double factor = keys.number("rope.scaling.factor", keys.number("rope.scale_linear", 0));
        double attention = keys.number("rope.scaling.attn_factor", 0);
        float[] llama3 = divisors(file, LLAMA3, dims);
        float[] shortFactor = divisors(file, SHORT, dims);
        float[] longFactor = divisors(file, LONG, dims);
        if (shortFactor != null && longFactor != null) {
            ObjectNode scaling = scaling(c, "longrope");
            list(scaling, "short_factor", shortFactor);
            list(scaling, "long_factor", longFactor);
            if (attention > 0) scaling.put("attention_factor", attention);
            if (!phi3) scaling.put("original_max_position_embeddings", original);
        } else if (llama3 != null) {
            llama3(c, llama3, dims, context);
        } else if (type.equals("linear") || (type.equals("none") && factor > 1)) {
            if (factor > 0 && factor != 1) scaling(c, "linear").put("factor", factor);
        } else if (type.equals("yarn")) {
            ObjectNode scaling =
                    scaling(c, "yarn").put("factor", factor).put("original_max_position_embeddings", original);
            if (keys.has("rope.scaling.yarn_attn_factor")) {
                scaling.put("attention_factor", keys.number("rope.scaling.yarn_attn_factor", 1));
            }
            if (keys.has("rope.scaling.yarn_beta_fast")) {
                scaling.put("beta_fast", keys.number("rope.scaling.yarn_beta_fast", 32));
            }
            if (keys.has("rope.scaling.yarn_beta_slow")) {
                scaling.put("beta_slow", keys.number("rope.scaling.yarn_beta_slow", 1));
            }
        } else if (!type.equals("none")) {
            throw Problem.unsupported("this RoPE scaling is not supported")
                    .where(file.path() + ", key rope.scaling.type")
                    .expected("none, linear, yarn, or longrope with its two tensors")
                    .found(Problem.shown(type));
        }
    }

    /** The share of a head that turns, such that its product with the head's size is not less than the number. */
    static double part(int dims, int dHead) {
        double part = (double) dims / dHead;
        return (int) (dHead * part) == dims ? part : Math.nextUp(part);
    }

    /** The share of pairs that turn where the others' divisors are so large that they do not (Gemma 4). */
    static double turning(GgufFile file, int dHead) {
        float[] divisors = divisors(file, LLAMA3, dHead);
        int turning = 0;
        while (divisors != null && turning < divisors.length && divisors[turning] == 1) turning++;
        boolean rest = divisors != null && turning > 0;
        for (int i = turning; rest && i < divisors.length; i++) rest = divisors[i] >= 1e20;
        if (rest) return part(2 * turning, dHead);
        throw Problem.invalid("the divisors do not say which pairs turn")
                .where(file.path() + ", tensor " + Problem.shown(LLAMA3))
                .expected("1 for pairs that turn, then 1e30 for those that do not")
                .found(divisors == null ? "no such tensor" : "others");
    }

    /** Adds RoPE of one kind of layers. */
    static ObjectNode put(ObjectNode ropes, String kind, double theta, double part) {
        return ropes.putObject(kind)
                .put("rope_type", "default")
                .put("rope_theta", theta)
                .put("partial_rotary_factor", part);
    }

    private static ObjectNode scaling(ObjectNode c, String type) {
        return c.putObject("rope_scaling").put("rope_type", type);
    }

    private static void list(ObjectNode scaling, String field, float[] values) {
        ArrayNode list = scaling.putArray(field);
        // The shortest decimal, as in config.json.
        for (float v : values) list.add(Double.parseDouble(Float.toString(v)));
    }

    private static float[] divisors(GgufFile file, String name, int dims) {
        GgufTensor t = file.tensors().get(name);
        if (t == null) return null;
        if (t.elements() != dims / 2) {
            throw Problem.invalid("the tensor does not have one frequency divisor per RoPE pair")
                    .where(file.path() + ", tensor " + Problem.shown(name))
                    .expected(dims / 2 + " numbers")
                    .found(t.shape());
        }
        return file.tensor(name).toFloats();
    }

    /** Llama 3's parameters if they reproduce these divisors, else the divisors as longrope factors. */
    private static void llama3(ObjectNode c, float[] divisors, int dims, int context) {
        double factor = 1;
        for (float d : divisors) factor = Math.max(factor, d);
        double theta = c.get("rope_theta").asDouble();
        boolean same = true;
        for (int i = 0; i < divisors.length; i++) {
            double expected = llama3(factor, Math.pow(theta, -2.0 * i / dims));
            same &= Math.abs(divisors[i] - expected) <= 1e-4 * expected;
        }
        if (same) {
            scaling(c, "llama3")
                    .put("factor", factor)
                    .put("low_freq_factor", LOW_FREQ_FACTOR)
                    .put("high_freq_factor", HIGH_FREQ_FACTOR)
                    .put("original_max_position_embeddings", LLAMA3_CONTEXT);
            return;
        }
        ObjectNode scaling = scaling(c, "longrope").put("attention_factor", 1.0);
        list(scaling, "short_factor", divisors);
        list(scaling, "long_factor", divisors);
        scaling.put("original_max_position_embeddings", context);
    }

    private static double llama3(double factor, double frequency) {
        double turns = LLAMA3_CONTEXT * frequency / (2 * Math.PI);
        if (turns < LOW_FREQ_FACTOR) return factor;
        if (turns > HIGH_FREQ_FACTOR) return 1;
        double smooth = (turns - LOW_FREQ_FACTOR) / (HIGH_FREQ_FACTOR - LOW_FREQ_FACTOR);
        return 1 / ((1 - smooth) / factor + smooth);
    }
}
