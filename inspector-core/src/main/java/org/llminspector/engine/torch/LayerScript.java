package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.layer.Block;
import org.llminspector.engine.layer.LatentAttention;
import org.llminspector.engine.layer.Modules;
import org.llminspector.engine.layer.Tap;
import org.llminspector.engine.torch.libtorch.OneDnn;
import org.llminspector.engine.torch.script.ScriptOps;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/**
 * A layer of a run as one TorchScript method, with attention as one operator.
 *
 * <p>{@code layer(x, w, keys, values, scales, states, start, given, mask)}: from the residual stream [1, pos, d_model] before
 * the layer, or its forms, to that after it, or in a mixture to that after attention. {@code w} are the {@link #weights}; {@code keys}
 * and {@code values} are the cache [1, kv_head, capacity, d_head] ({@link KvCache}), written in place from {@code
 * start}, {@code scales} are the {@link KvCache#allScales} and {@code states} the {@link KvCache#states}; {@code given} is the layer's own input [1, pos, d_ple], RoPE's cos and sin
 * [pos, 1, dims] and the factors of queries [pos, 1, 1], as far as there are any; {@code mask} is empty, [query, key], or with ALiBi [1, head, query, key]. Without a mask, several positions are causal, and
 * a single one attends to all keys or its window.
 */
final class LayerScript extends ScriptOps {

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

    private final TorchWeights all;
    private final LayerSpec layer;
    private final Product product;
    private final KvFormats kvFormats;
    private final Map<String, NDArray> joined = new HashMap<>(); // matrices of LinearGroups, and their biases
    private final int inputs; // how many of what is given are the layer's own input
    private int scales;

    LayerScript(DecoderSpec spec, int i, TorchWeights weights, Product product, KvFormats kvFormats) {
        this.all = weights;
        this.layer = spec.layers().get(i);
        this.product = product;
        this.kvFormats = kvFormats;
        this.inputs = spec.layerInputs() == null ? 0 : 1;
        line("n = torch.size(x, 1)");
        line("end = start + n");
        line("low = 0"); // the first key in a single position's window
        if (layer.attends() && layer.attention().window() != null) {
            int window = layer.attention().window();
            line("if n == 1:");
            line("  if end > " + window + ":");
            line("    low = end - " + window);
        }
        if (layer.attends() && layer.attention().chunk() != null) {
            line("if n == 1:");
            line("  low = max(low, start - start % " + layer.attention().chunk() + ")");
        }
        Block<String> block = new Block<>(spec, this, Tap.none());
        boolean half = layer.mlp().experts() != null; // TorchDecoder does the rest
        line("return " + use(half ? block.firstHalf(i, "x") : block.layer(i, "x", inputs == 0 ? null : "given[0]")));
    }

    /** The weights in the order in which the script indexes them. */
    List<NDArray> weights() {
        return weightNames().stream().map(this::array).toList();
    }

    private NDArray array(String name) {
        int end = name.lastIndexOf('.');
        Linear linear = all.linear(name.substring(0, Math.max(0, end)));
        if (joined.containsKey(name)) return joined.get(name);
        if (linear == null) return all.get(name);
        return name.endsWith(".bias") ? linear.bias() : linear.weight();
    }

    /** The method's source; layers that differ only in weights have the same. */
    String method(String name) {
        return "def " + name + "(self, x: Tensor, w: List[Tensor], keys: Tensor, values: Tensor, "
                + "scales: List[Tensor], states: List[Tensor], start: int, given: List[Tensor], mask: List[Tensor]) -> Tensor:\n"
                + text().indent(2);
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

    @Override
    public boolean has(String name) {
        return all.has(name);
    }

    @Override
    public String linear(String x, String module) {
        String bias = all.linear(module).bias() == null ? "None" : reference(module + ".bias");
        return product(x, reference(module + ".weight"), bias);
    }

    /** In one product where the matrices are joined. */
    @Override
    public List<String> linears(String x, List<String> modules) {
        LinearGroup group = all.group(modules);
        if (group.joined() == null) return super.linears(x, modules);
        String name = String.join(" and ", modules);
        joined.put(name, group.joined().weight());
        if (group.joined().bias() != null)
            joined.put(name + ".bias", group.joined().bias());
        String bias = group.joined().bias() == null ? "None" : reference(name + ".bias");
        String y = product(x, reference(name), bias);
        List<String> parts = new ArrayList<>();
        long from = 0;
        for (Linear part : group.parts()) {
            long to = from + part.weight().getShape().get(0);
            parts.add(slice(y, 2, from, to));
            from = to;
        }
        return parts;
    }

    @Override
    public String exact(String x, String module) {
        return let("torch.linear(%s, " + reference(module + ".weight") + ")", x);
    }

    @Override
    public String matrix(String module) {
        return let("torch.to(" + reference(module + ".weight") + ", 6)");
    }

    private String product(String x, String w, String bias) {
        if (product == Product.PLAIN || product == Product.ONE_DNN) return let(exact(product, "%s", w, bias), x);
        String y = let("self.product(%s, " + w + ")", x);
        return bias.equals("None") ? y : add(y, bias);
    }

    private static String exact(Product product, String x, String w, String bias) {
        return product == Product.ONE_DNN
                ? OneDnn.product(x, w, bias)
                : "torch.linear(" + x + ", " + w + ", " + bias + ")";
    }

    @Override
    public String rotate(String x, Rope rope, int width) {
        return rotated(x, rope, width, "given[" + inputs + "]", "given[" + (inputs + 1) + "]");
    }

    @Override
    public String queryScale(QueryScale scale) {
        return "given[" + (layer.attention().rope() == null ? inputs : inputs + 2) + "]";
    }

    @Override
    public boolean cachesHeads(int i) {
        return false;
    }

    @Override
    public String keys(int i, String k) {
        return cached("keys", kvFormats.key(), k);
    }

    @Override
    public String values(int i, String v) {
        return cached("values", kvFormats.value(), v);
    }

    @Override
    public String keysOf(int i) {
        return seen("keys", kvFormats.key());
    }

    @Override
    public String valuesOf(int i) {
        return seen("values", kvFormats.value());
    }

    /** Writes new keys, or values, in the cache's format; reads all visible ones, [1, kv_head, key, d_head]. */
    private String cached(String cache, KvFormat format, String x) {
        String heads = transpose(x, 0, 2, 1, 3); // [1, kv_head, pos, d_head]
        String place = "torch.slice(" + cache + ", 2, start, end)";
        if (format != KvFormat.INT8) { // the copy converts
            line("torch.copy_(" + place + ", " + use(heads) + ")");
            return seen(cache, format);
        }
        String size = "torch.div(torch.amax(torch.abs(%s), [-1], True), 127.)";
        String s = let("torch.clamp_min(" + size + ", " + KvFormat.LEAST_SCALE + ")", heads);
        line("torch.copy_(" + place + ", torch.round(torch.div(" + use(heads) + ", " + s + ")))");
        line("torch.copy_(torch.slice(scales[" + scales + "], 2, start, end), " + s + ")");
        return seen(cache, format);
    }

    /** All visible keys, or values, that the cache has, [1, kv_head, key, d_head]. */
    private String seen(String cache, KvFormat format) {
        String seen = "torch.slice(" + cache + ", 2, low, end)";
        if (format != KvFormat.INT8) return let(format == KvFormat.FP32 ? seen : "torch.to(" + seen + ", 6)");
        String scale = "torch.slice(scales[" + scales++ + "], 2, low, end)";
        return let("torch.mul(torch.to(" + seen + ", 6), " + scale + ")");
    }

    /** The first of the states is the convolution's, [1, past, channel]. */
    @Override
    public String withState(int i, String x, int past) {
        String s = let("torch.cat([states[0], %s], 1)", x);
        line("torch.copy_(states[0], torch.slice(" + s + ", 1, n, n + " + past + "))");
        return s;
    }

    @Override
    protected String recurrentState(int i) {
        return layer.recurrence().past() > 0 ? "states[1]" : "states[0]";
    }

    @Override
    public String firstPosition() {
        return let("torch.to(torch.eq(torch.reshape(torch.arange(start, end), [1, n]), 0), 6)");
    }

    @Override
    public String masked(String scores, Attention a) {
        line("s = " + use(scores));
        branch("if torch.len(mask) > 0:", () -> line("s = torch.add(s, torch.slice(mask[0], -1, low, end))"));
        return "s";
    }

    /**
     * Whether attention is written out: no fused kernel soft-caps scores before the mask, and only the CPU's returns
     * the log-sum-exp that sinks need, for values as wide as keys.
     */
    static boolean stepByStep(Attention a, boolean cpu) {
        return a.scoreSoftcap() != null || (a.sinks() && !(cpu && a.dValue() == a.dHead()));
    }

    /** As one operator. A single position's query heads that share a key head are folded into the position axis. */
    @Override
    public String attend(int i, Attention a, String q, String k, String v, Tap<String> tap) {
        if (stepByStep(a, all.onCpu())) return super.attend(i, a, q, k, v, tap);
        int group = a.nHeads() / a.nKvHeads();
        line("k = " + use(k)); // [1, kv_head, key, d_head]
        line("v = " + use(v));
        branch(
                "if n == 1:",
                () -> line("q = torch.reshape(" + use(q) + ", [1, " + a.nKvHeads() + ", " + group + ", " + a.dHead()
                        + "])"));
        branch("else:", () -> {
            line("q = " + use(transpose(q, 0, 2, 1, 3)));
            if (group == 1) return;
            line("k = torch.repeat_interleave(k, " + group + ", 1)");
            line("v = torch.repeat_interleave(v, " + group + ", 1)");
        });
        line("bias = mask");
        if (a.alibi() != null) {
            String shape = "[1, " + a.nKvHeads() + ", " + group + ", end]";
            branch(
                    "if n == 1:",
                    () -> line("bias = [torch.slice(torch.reshape(mask[0], " + shape + "), 3, low, end)]"));
        }
        branch("if torch.len(bias) > 0:", () -> operator(a, "bias[0]", "False"));
        branch("else:", () -> operator(a, "None", "n > 1"));
        if (a.sinks()) sink(i, a);
        branch("if n == 1:", () -> line("z = torch.reshape(z, [1, 1, " + a.nHeads() * a.dValue() + "])"));
        branch(
                "else:",
                () -> line("z = torch.reshape(torch.transpose(z, 1, 2), [1, n, " + a.nHeads() * a.dValue() + "])"));
        return heads(let("z"), a.nHeads(), a.dValue());
    }

    private void operator(Attention a, String mask, String causal) {
        String scale = "scale=" + (double) a.scale() + ")";
        if (a.sinks()) {
            line("z, lse = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0., " + causal + ", attn_mask="
                    + mask + ", " + scale);
        } else {
            line("z = torch.scaled_dot_product_attention(q, k, v, " + mask + ", 0., " + causal + ", " + scale);
        }
    }

    /**
     * A sink takes the share exp(sink) / (exp(sink) + exp(lse)) from a row whose exponentials sum to exp(lse).
     */
    private void sink(int i, Attention a) {
        String sinks = weight(Modules.sinks(i));
        String one = "[1, " + a.nKvHeads() + ", " + a.nHeads() / a.nKvHeads() + "]";
        branch("if n == 1:", () -> line("sink = torch.reshape(" + sinks + ", " + one + ")"));
        branch("else:", () -> line("sink = torch.reshape(" + sinks + ", [1, " + a.nHeads() + ", 1])"));
        line("z = torch.mul(z, torch.unsqueeze(torch.sigmoid(torch.sub(lse, sink)), -1))");
    }

    /** For a single position the latent vectors are not expanded to keys and values. */
    @Override
    public String attendLatent(
            int i, Attention a, String module, String q, String shared, String latent, Tap<String> tap) {
        branch(
                "if n == 1:",
                () -> line("a = " + use(LatentAttention.absorbed(this, i, a, module, q, shared, latent, tap))));
        branch("else:", () -> line("a = " + use(LatentAttention.expanded(this, i, a, module, q, shared, latent, tap))));
        return let("a");
    }
}
