package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.torch.TorchWeights.Block;
import org.llminspector.engine.torch.TorchWeights.Compressed;
import org.llminspector.engine.torch.TorchWeights.Convolved;
import org.llminspector.engine.torch.TorchWeights.NormWeights;
import org.llminspector.engine.torch.TorchWeights.Xielu;
import org.llminspector.engine.torch.libtorch.OneDnn;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.ShortConv;

/**
 * Generator of a layer's TorchScript method, which computes what {@link Decoder} does operation by operation.
 *
 * <p>{@code layer(x, w, keys, values, scales, start, turn, mask)}: from the residual stream [1, pos, d_model] before
 * the layer to that after it, or in a mixture to that after attention. {@code w} are the {@link #weights}; {@code keys}
 * and {@code values} are the cache [1, kv_head, capacity, d_head] ({@link KvCache}), written in place from {@code
 * start}, and {@code scales} the {@link KvCache#allScales}; {@code turn} is RoPE's cos and sin [pos, 1, dims]; {@code
 * mask} is empty, [query, key], or with ALiBi [1, head, query, key]. Without a mask, several positions are causal, and
 * a single one attends to all keys or its window.
 */
final class LayerScript {

    /**
     * How a matrix product is computed: in FP32 by libtorch's choice or oneDNN, in FP16, or in FP16 for single
     * positions only.
     */
    enum Product {
        PLAIN,
        ONE_DNN,
        HALF,
        HALF_ALONE
    }

    private final LayerSpec layer;
    private final Block block;
    private final Product product;
    private final int dModel;
    private final KvFormats kvFormats;
    private final StringBuilder text = new StringBuilder();
    private final List<NDArray> weights = new ArrayList<>();

    LayerScript(LayerSpec layer, Block block, int dModel, Product product, KvFormats kvFormats) {
        this.layer = layer;
        this.block = block;
        this.dModel = dModel;
        this.product = product;
        this.kvFormats = kvFormats;
        write();
    }

    /** The weights in the order in which the script indexes them. */
    List<NDArray> weights() {
        return List.copyOf(weights);
    }

    /** The method's source; layers that differ only in weights have the same. */
    String method(String name) {
        return "def " + name + "(self, x: Tensor, w: List[Tensor], keys: Tensor, values: Tensor, "
                + "scales: List[Tensor], start: int, turn: List[Tensor], mask: List[Tensor]) -> Tensor:\n"
                + text.toString().indent(2);
    }

    /** Helper methods shared by the layers. */
    static String helpers(Product product) {
        String half = "return torch.to(torch.linear(torch.to(x, 5), w), 6)\n"; // 5 is float16, 6 float32
        Product upcast = OneDnn.serves(Device.cpu()) ? Product.ONE_DNN : Product.PLAIN;
        String single = "return " + exact(upcast, "x", "torch.to(w, 6)", "None") + "\n";
        String made =
                switch (product) {
                    case PLAIN, ONE_DNN -> "return " + exact(product, "x", "w", "None") + "\n";
                    case HALF -> half;
                    case HALF_ALONE -> "if torch.size(x, 1) == 1:\n" + half.indent(2) + "else:\n" + single.indent(2);
                };
        return "def product(self, x: Tensor, w: Tensor) -> Tensor:\n" + made.indent(2);
    }

    private void write() {
        line("n = torch.size(x, 1)");
        line("end = start + n");
        line("a = " + norm(layer.ln1(), block.ln1(), "x", dModel));
        if (layer.streamNorms()) line("x = a");
        if (layer.mixer() instanceof ShortConv c) convolution(c);
        else attention(layer.attention());
        line("a = " + norm(layer.ln1Post(), block.ln1Post(), "a", dModel));
        scaled("a");
        if (layer.mlp().experts() != null) { // Decoder does the rest
            line("return torch.add(x, a)");
            return;
        }
        line("mid = " + (layer.parallel() ? "x" : "torch.add(x, a)"));
        line("m = " + norm(layer.ln2(), block.ln2(), "mid", dModel));
        if (layer.streamNorms()) line("mid = m");
        mlp(layer.mlp());
        line("m = " + norm(layer.ln2Post(), block.ln2Post(), "m", dModel));
        scaled("m");
        line("return " + (layer.parallel() ? "torch.add(torch.add(m, a), x)" : "torch.add(mid, m)"));
    }

    private void scaled(String x) {
        if (layer.residualScale() != null) line(x + " = torch.mul(" + x + ", " + (double) layer.residualScale() + ")");
    }

    private void attention(Attention a) {
        if (a.latent() != null) {
            latent(a);
            return;
        }
        int group = a.nHeads() / a.nKvHeads();
        projections("a", block.qkv(), "q", "k", "v");
        if (a.clip() != null) {
            for (String x : List.of("q", "k", "v")) {
                line(x + " = torch.clamp(" + x + ", " + -(double) a.clip() + ", " + (double) a.clip() + ")");
            }
        }
        heads("q", a.nHeads(), a, a.qNorm(), block.qNorm());
        heads("k", a.nKvHeads(), a, a.kNorm(), block.kNorm());
        heads("v", a.nKvHeads(), a, null, null);
        int scales = store("k", "keys", kvFormats.key(), 0);
        store("v", "values", kvFormats.value(), scales);
        line("low = 0");
        if (a.window() != null) {
            line("if n == 1:");
            line("  if end > " + a.window() + ":");
            line("    low = end - " + a.window());
        }
        load("k", "keys", kvFormats.key(), 0); // [1, kv_head, key, d_head]
        load("v", "values", kvFormats.value(), scales);
        line("if n == 1:"); // query heads that share a key head are folded into the position axis
        line("  q = torch.reshape(q, [1, " + a.nKvHeads() + ", " + group + ", " + a.dHead() + "])");
        line("else:");
        line("  q = torch.transpose(q, 1, 2)");
        if (group > 1) {
            line("  k = torch.repeat_interleave(k, " + group + ", 1)");
            line("  v = torch.repeat_interleave(v, " + group + ", 1)");
        }
        if (a.alibi() != null) {
            line("bias = mask[0]");
            line("if n == 1:");
            line("  bias = torch.reshape(bias, [1, " + a.nKvHeads() + ", " + group + ", end])");
            line("  bias = torch.slice(bias, 3, low, end)");
        }
        if (stepByStep(a, block)) written(a);
        else if (a.sinks()) sunk(a);
        else fused(a);
        line("if n == 1:");
        line("  z = torch.reshape(z, [1, 1, " + a.nHeads() * a.dHead() + "])");
        line("else:");
        line("  z = torch.reshape(torch.transpose(z, 1, 2), [1, n, " + a.nHeads() * a.dHead() + "])");
        line("a = " + linear("z", block.o()));
    }

    /** {@code keys} is the convolution's state ({@link KvCache#state}), [1, past, d_model]. */
    private void convolution(ShortConv c) {
        Convolved w = block.conv();
        projections("a", w.in(), "b", "c", "y");
        line("s = torch.cat([keys, torch.mul(b, y)], 1)"); // [1, past + pos, d_model]
        line("torch.copy_(keys, torch.slice(s, 1, n, n + " + c.past() + "))");
        String kernel = reference(w.kernel());
        String sum = w.bias() == null ? null : reference(w.bias());
        for (int from = 0; from < c.width(); from++) {
            String part = "torch.mul(torch.slice(s, 1, " + from + ", n + " + from + "), " + kernel + "[" + from + "])";
            sum = sum == null ? part : "torch.add(" + part + ", " + sum + ")";
        }
        line("a = torch.mul(c, " + sum + ")");
        line("a = " + linear("a", w.out()));
    }

    /**
     * Latent attention. For a single position, the up-projections are absorbed into its query and output, so that the
     * cached latent vectors are not expanded to keys and values.
     */
    private void latent(Attention a) {
        Latent l = a.latent();
        Compressed w = block.compressed();
        int rotaryDims = a.rope().rotaryDims();
        int own = a.dHead() - rotaryDims;
        projections("a", w.down(), "q", "v", "k");
        if (l.dQuery() != null) {
            line("q = " + norm(l.norm(), w.qNorm(), "q", l.dQuery()));
            line("q = " + linear("q", w.q()));
        }
        line("q = torch.reshape(q, [1, n, " + a.nHeads() + ", " + a.dHead() + "])");
        rotate("q", a, a.dHead());
        line("q = torch.transpose(q, 1, 2)"); // [1, head, pos, d_head]
        line("k = torch.reshape(k, [1, n, 1, " + rotaryDims + "])");
        rotate("k", a, rotaryDims);
        line("v = torch.reshape(" + norm(l.norm(), w.kvNorm(), "v", l.dLatent()) + ", [1, n, 1, " + l.dLatent() + "])");
        int scales = store("k", "keys", kvFormats.key(), 0);
        store("v", "values", kvFormats.value(), scales);
        line("low = 0");
        load("k", "keys", kvFormats.key(), 0); // [1, 1, key, turned]
        load("v", "values", kvFormats.value(), scales); // [1, 1, key, d_latent]
        String keys = reference(w.up().parts().get(0).weight());
        String values = reference(w.up().parts().get(1).weight());
        String shape = ", 6), [" + a.nHeads() + ", ";
        line("if n == 1:");
        line("  u = torch.reshape(torch.to(" + keys + shape + own + ", " + l.dLatent() + "])");
        line("  p = torch.matmul(torch.slice(q[0], 2, " + rotaryDims + "), u)"); // [head, 1, d_latent]
        line("  s = torch.matmul(torch.transpose(p, 0, 1), torch.transpose(v[0], 1, 2))"); // [1, head, key]
        line("  t = torch.transpose(torch.slice(q[0], 2, 0, " + rotaryDims + "), 0, 1)");
        line("  s = torch.add(s, torch.matmul(t, torch.transpose(k[0], 1, 2)))");
        line("  p = torch.matmul(torch.softmax(torch.mul(s, " + (double) a.scale() + "), -1), v[0])");
        line("  u = torch.reshape(torch.to(" + values + shape + a.dValue() + ", " + l.dLatent() + "])");
        line("  z = torch.matmul(torch.transpose(p, 0, 1), torch.transpose(u, 1, 2))"); // [head, 1, d_value]
        line("  z = torch.reshape(z, [1, 1, " + a.nHeads() * a.dValue() + "])");
        line("else:");
        line("  c = torch.squeeze(v, 1)");
        line("  u = torch.reshape(" + linear("c", w.up().parts().get(0)) + ", [1, end, " + a.nHeads() + ", " + own
                + "])");
        line("  v = torch.reshape(" + linear("c", w.up().parts().get(1)) + ", [1, end, " + a.nHeads() + ", "
                + a.dValue() + "])");
        line("  k = torch.expand(k, [1, " + a.nHeads() + ", end, " + rotaryDims + "])");
        line("  k = torch.cat([k, torch.transpose(u, 1, 2)], -1)");
        line("  v = torch.transpose(v, 1, 2)");
        String sdpa = "z = torch.scaled_dot_product_attention(q, k, v, ";
        String scale = ", scale=" + (double) a.scale() + ")";
        line("  if torch.len(mask) > 0:");
        line("    " + sdpa + "mask[0], 0., False" + scale);
        line("  else:");
        line("    " + sdpa + "None, 0., True" + scale);
        line("  z = torch.reshape(torch.transpose(z, 1, 2), [1, n, " + a.nHeads() * a.dValue() + "])");
        line("a = " + linear("z", block.o()));
    }

    /**
     * Writes new keys, or values, in the cache's format.
     *
     * @return number of scale tensors used so far
     */
    private int store(String x, String cache, KvFormat format, int scales) {
        line(x + " = torch.transpose(" + x + ", 1, 2)"); // [1, kv_head, pos, d_head]
        String place = "torch.slice(" + cache + ", 2, start, end)";
        if (format != KvFormat.INT8) { // the copy converts
            line("torch.copy_(" + place + ", " + x + ")");
            return scales;
        }
        line("s = torch.clamp_min(torch.div(torch.amax(torch.abs(" + x + "), [-1], True), 127.), " + KvCache.LEAST_SCALE
                + ")");
        line("torch.copy_(" + place + ", torch.round(torch.div(" + x + ", s)))");
        line("torch.copy_(torch.slice(scales[" + scales + "], 2, start, end), s)");
        return scales + 1;
    }

    /** Reads the visible part of the cache, in float32. */
    private void load(String x, String cache, KvFormat format, int scales) {
        String seen = "torch.slice(" + cache + ", 2, low, end)";
        line(x + " = " + (format == KvFormat.FP32 ? seen : "torch.to(" + seen + ", 6)"));
        if (format == KvFormat.INT8) {
            line(x + " = torch.mul(" + x + ", torch.slice(scales[" + scales + "], 2, low, end))");
        }
    }

    private void fused(Attention a) {
        String sdpa = "z = torch.scaled_dot_product_attention(q, k, v, ";
        String scale = ", scale=" + (double) a.scale() + ")";
        line("if torch.len(mask) > 0:");
        line("  " + sdpa + seen(a) + ", 0., False" + scale);
        line("else:");
        line("  " + sdpa + "None, 0., n > 1" + scale);
    }

    /**
     * Whether attention is written out: no fused kernel soft-caps scores before the mask, and only the CPU's returns
     * the log-sum-exp that sinks need.
     */
    static boolean stepByStep(Attention a, Block block) {
        boolean cpu = block.o().weight().getDevice().equals(Device.cpu());
        return a.scoreSoftcap() != null || (a.sinks() && !cpu);
    }

    /**
     * Fused attention with sinks: a sink takes the share exp(sink) / (exp(sink) + exp(lse)) from a row whose
     * exponentials sum to exp(lse).
     */
    private void sunk(Attention a) {
        String sdpa = "z, lse = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0., ";
        String scale = "scale=" + (double) a.scale() + ")";
        line("if torch.len(mask) > 0:");
        line("  " + sdpa + "False, attn_mask=" + seen(a) + ", " + scale);
        line("else:");
        line("  " + sdpa + "n > 1, attn_mask=None, " + scale);
        sink(a);
        line("z = torch.mul(z, torch.unsqueeze(torch.sigmoid(torch.sub(lse, sink)), -1))");
    }

    /** The sink logit of each row, [1, head, pos], or for one position [1, kv_head, group]. */
    private void sink(Attention a) {
        String sinks = reference(block.sinks());
        line("if n == 1:");
        line("  sink = torch.reshape(" + sinks + ", [1, " + a.nKvHeads() + ", " + a.nHeads() / a.nKvHeads() + "])");
        line("else:");
        line("  sink = torch.expand(torch.reshape(" + sinks + ", [1, " + a.nHeads() + ", 1]), [1, " + a.nHeads()
                + ", n])");
    }

    private static String seen(Attention a) {
        return a.alibi() == null ? "mask[0]" : "bias";
    }

    private void written(Attention a) {
        line("s = torch.mul(torch.matmul(q, torch.transpose(k, 2, 3)), " + (double) a.scale() + ")");
        if (a.scoreSoftcap() != null) {
            double cap = a.scoreSoftcap();
            line("s = torch.mul(torch.tanh(torch.div(s, " + cap + ")), " + cap + ")");
        }
        line("if torch.len(mask) > 0:");
        line("  s = torch.add(s, " + seen(a) + ")");
        if (a.sinks()) {
            sink(a);
            line("s = torch.cat([s, torch.unsqueeze(sink, -1)], -1)");
        }
        line("p = torch.softmax(s, -1)");
        if (a.sinks()) line("p = torch.slice(p, 3, 0, -1)");
        line("z = torch.matmul(p, v)");
    }

    /** [1, pos, head * d_head] to [1, pos, head, d_head], normed and rotated. */
    private void heads(String x, int n, Attention a, Norm norm, NDArray weight) {
        NormWeights w = new NormWeights(weight, null);
        if (norm != null && a.qkNormWide()) line(x + " = " + norm(norm, w, x, n * a.dHead()));
        line(x + " = torch.reshape(" + x + ", [1, n, " + n + ", " + a.dHead() + "])");
        if (norm != null && a.qkNormByHead()) {
            line(x + " = torch.mul(" + norm(norm, null, x, a.dHead()) + ", " + reference(weight) + ")");
        } else if (norm != null && !a.qkNormWide()) line(x + " = " + norm(norm, w, x, a.dHead()));
        if (a.rope() != null && !x.equals("v")) rotate(x, a, a.dHead());
    }

    /** Rotates the first dimensions of [1, pos, head, width]. */
    private void rotate(String x, Attention a, int width) {
        int dims = a.rope().rotaryDims();
        boolean partial = dims < width;
        String first = "torch.slice(" + x + ", 3, 0, " + dims / 2 + ")";
        String second = "torch.slice(" + x + ", 3, " + dims / 2 + ", " + dims + ")";
        String rotaryPart = partial ? "torch.slice(" + x + ", 3, 0, " + dims + ")" : x;
        String rotated = "torch.add(torch.mul(" + rotaryPart + ", turn[0]), torch.mul(torch.cat([" + second + ", "
                + first + "], -1), turn[1]))";
        line(x + " = "
                + (partial ? "torch.cat([" + rotated + ", torch.slice(" + x + ", 3, " + dims + ")], -1)" : rotated));
    }

    private void mlp(Mlp mlp) {
        if (mlp.gated()) {
            projections("m", block.in(), "g", "u");
            if (mlp.limit() != null) limited(mlp.limit());
            line("m = torch.mul(" + activated(mlp, "g") + ", u)");
        } else {
            projections("m", block.in(), "g");
            line("m = " + activated(mlp, "g"));
        }
        line("m = " + linear("m", block.out()));
    }

    private void limited(double limit) {
        line("g = torch.clamp_max(g, " + limit + ")");
        line("u = torch.add(torch.clamp(u, " + -limit + ", " + limit + "), 1.)");
    }

    private String activated(Mlp mlp, String x) {
        return switch (mlp.activation()) {
            case RELU -> "torch.relu(" + x + ")";
            case RELU_SQUARED -> "torch.square(torch.relu(" + x + "))";
            case GELU -> "torch.gelu(" + x + ")";
            case GELU_TANH -> "torch.gelu(" + x + ", approximate=\"tanh\")";
            case GELU_QUICK -> "torch.mul(" + x + ", torch.sigmoid(torch.mul(" + x + ", 1.702)))";
            case SILU -> "torch.silu(" + x + ")";
            case XIELU -> xielu(block.xielu(), x);
        };
    }

    private String xielu(Xielu w, String x) {
        String beta = reference(w.beta());
        String below = "torch.sub(torch.expm1(torch.minimum(" + x + ", " + reference(w.eps()) + ")), " + x + ")";
        below = "torch.mul(" + below + ", torch.add(" + reference(w.alphaN()) + ", " + beta + "))";
        String above = "torch.mul(torch.square(" + x + "), " + reference(w.alphaP()) + ")";
        return "torch.add(torch.where(torch.gt(" + x + ", 0), " + above + ", " + below + "), torch.mul(" + x + ", "
                + beta + "))";
    }

    /** Several projections of one input, in one product where their matrices are joined. */
    private void projections(String x, LinearGroup group, String... names) {
        List<Linear> parts = group.parts();
        if (group.joined() == null) {
            for (int i = 0; i < names.length; i++) line(names[i] + " = " + linear(x, parts.get(i)));
            return;
        }
        line("joined = " + linear(x, group.joined()));
        long from = 0;
        for (int i = 0; i < names.length; i++) {
            long to = from + parts.get(i).weight().getShape().get(0);
            line(names[i] + " = torch.slice(joined, 2, " + from + ", " + to + ")");
            from = to;
        }
    }

    private String linear(String x, Linear linear) {
        String w = reference(linear.weight());
        String bias = linear.bias() == null ? "None" : reference(linear.bias());
        if (product == Product.PLAIN || product == Product.ONE_DNN) return exact(product, x, w, bias);
        String y = "self.product(" + x + ", " + w + ")";
        return linear.bias() == null ? y : "torch.add(" + y + ", " + bias + ")";
    }

    private static String exact(Product product, String x, String w, String bias) {
        return product == Product.ONE_DNN
                ? OneDnn.product(x, w, bias)
                : "torch.linear(" + x + ", " + w + ", " + bias + ")";
    }

    private String norm(Norm norm, NormWeights w, String x, int width) {
        if (norm == null) return x;
        boolean centred = norm.kind() == Norm.Kind.LAYER;
        return "torch." + (centred ? "layer_norm(" : "rms_norm(") + x + ", [" + width + "], "
                + (w == null ? "None" : reference(w.weight()))
                + (centred ? ", " + (w == null || w.bias() == null ? "None" : reference(w.bias())) : "") + ", "
                + norm.eps()
                + ")";
    }

    private void line(String line) {
        text.append(line).append('\n');
    }

    /** The expression for a weight in the script. */
    private String reference(NDArray weight) {
        weights.add(weight);
        return "w[" + (weights.size() - 1) + "]";
    }
}
