package org.llminspector.engine.onnx.layer;

import static org.llminspector.engine.onnx.layer.AttentionCore.reshape;
import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.ShortConv;

/**
 * Writes the forward pass of every model family as an ONNX graph, as its {@link DecoderSpec} describes; each hooked
 * value passes {@link Taps}.
 */
public final class GraphWriter {

    private final DecoderSpec spec;
    private final OnnxWeights weights;
    private final GraphBuilder graph = new GraphBuilder();
    private final Taps taps;
    private final boolean fused;
    private final Norms norms;
    private final Linears linears;
    private final AttentionCore attention;
    private final MixtureGraph mixture;
    private final LatentGraph latents;
    private final ConvolutionGraph convolutions;

    private GraphWriter(
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            boolean fused,
            Set<HookId> captured,
            Map<HookId, List<Taps.Step>> steps) {
        this.spec = spec;
        this.weights = encodings.weights();
        this.fused = fused;
        this.taps = new Taps(graph, captured, steps);
        this.norms = new Norms(graph, weights, taps, fused);
        this.linears = new Linears(graph, encodings, plan, target, spec.tied());
        this.mixture = new MixtureGraph(graph, linears, weights, taps, fused, spec.dModel());
        Rotary rotary = new Rotary(graph, spec);
        AlibiGraph alibis = new AlibiGraph(graph, spec);
        boolean halves = target.usesFp16(plan);
        KvFormats own = halves ? KvFormats.FP16 : KvFormats.FP32;
        KvFormats kept = plan.kvCache() == null ? own : plan.kvCache();
        boolean oneOperator =
                fused && FusedAttention.takes(spec, target.cuda()) && (halves || !target.cuda()) && kept.equals(own);
        PlainAttention plain = new PlainAttention(graph, taps, rotary, alibis, kept, weights);
        this.attention = oneOperator ? new FusedAttention(graph, rotary, alibis, halves, weights) : plain;
        this.latents = new LatentGraph(graph, linears, norms, taps, rotary, plain, fused);
        this.convolutions = new ConvolutionGraph(graph, linears, weights, taps, spec.dModel());
    }

    /** The fused form: fused operators, without hooks inside. */
    public static Graph fused(DecoderSpec spec, Encodings encodings, PrecisionPlan plan, Target target) {
        return new GraphWriter(spec, encodings, plan, target, true, Set.of(), Map.of()).decoder();
    }

    /** The hooked form: plain operators, with these hooks as outputs and these interventions. */
    public static Graph hooked(
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            Set<HookId> captured,
            Map<HookId, List<Taps.Step>> steps) {
        return new GraphWriter(spec, encodings, plan, target, false, captured, steps).decoder();
    }

    /** From a residual stream {@code resid} [1, pos, d_model] to logits. */
    public static Graph unembedding(DecoderSpec spec, Encodings encodings, PrecisionPlan plan, Target target) {
        GraphWriter writer = new GraphWriter(spec, encodings, plan, target, true, Set.of(), Map.of());
        return writer.unembed(writer.graph.input("resid", Type.FLOAT, 1, -1, spec.dModel()));
    }

    private Graph decoder() {
        String x = embed(); // [1, pos, d_model]
        String added = null;
        for (int i = 0; i < spec.nLayers(); i++) {
            String[] out = block(i, x, added);
            x = out[0];
            added = out[1];
        }
        String last = residual(spec.nLayers() - 1).apply(graph.node("Add", x, added));
        return unembed(graph.node(
                "Gather", new Attributes().with("axis", 1), last, graph.input("wanted_positions", Type.INT64, -1)));
    }

    private String embed() {
        String ids = graph.input("ids", Type.INT64, 1, -1);
        String x = linears.tiedRows(ids); // [1, pos, d_model]
        if (x == null) {
            String tied = linears.tiedEmbedding();
            x = graph.node("Gather", tied == null ? weights.asInFile(graph, "embed.weight") : tied, ids);
            if (tied == null || !linears.isPlain("unembed")) x = graph.cast(x, Type.FLOAT);
        }
        if (spec.dEmbed() != null) x = linears.exact(x, "project_in"); // [1, pos, d_embed] before
        x = times(spec.embedScale(), x);
        if (spec.embedNorm() != null) x = norms.write(x, spec.embedNorm(), "ln_embed");
        x = taps.at(EMBED, -1, x);
        if (!spec.learnedPositions()) return x;
        String positions = graph.input("positions", Type.INT64, 1, -1);
        String p = graph.node("Gather", weights.floats(graph, "pos_embed.weight"), positions);
        return graph.node("Add", x, taps.at(POS_EMBED, -1, p));
    }

    private Graph unembed(String x) {
        String h = norms.write(x, spec.finalNorm(), "ln_final", LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1);
        h = taps.at(LN_FINAL_OUT, -1, h);
        if (spec.dEmbed() != null) h = linears.exact(h, "project_out"); // [1, pos, d_embed]
        String logits = linears.write(h, "unembed");
        logits = taps.at(LOGITS, -1, Softcap.write(graph, times(spec.logitScale(), logits), spec.logitSoftcap()));
        graph.output(logits, Type.FLOAT);
        return Graph.of(graph, logits, taps, attention.inPlace());
    }

    /**
     * Writes block i. Takes and returns a residual stream and a summand still to be added to it, so that the sum can be
     * fused with the next norm.
     */
    private String[] block(int i, String x, String added) {
        LayerSpec layer = spec.layers().get(i);
        String b = "blocks." + i + ".";
        String[] pre = added == null
                ? normed(taps.at(RESID_PRE, i, x), layer.ln1(), b + "ln1", LN1_SCALE, LN1_NORMALIZED, i)
                : addedAndNormed(x, added, residual(i - 1), layer.ln1(), b + "ln1", LN1_SCALE, LN1_NORMALIZED, i);
        String stream = layer.streamNorms() ? pre[1] : pre[0];
        String a = layer.mixer() instanceof ShortConv conv
                ? convolutions.write(i, conv, b + "conv.", pre[1])
                : attention(i, layer.attention(), b + "attn.", pre[1]);
        if (layer.ln1Post() != null) a = taps.at(LN1_POST_OUT, i, norms.write(a, layer.ln1Post(), b + "ln1_post"));
        a = taps.at(HookPoint.mixed(layer), i, times(layer.residualScale(), a));
        String[] mid = layer.parallel()
                ? normed(stream, layer.ln2(), b + "ln2", LN2_SCALE, LN2_NORMALIZED, i)
                : addedAndNormed(
                        stream, a, v -> taps.at(RESID_MID, i, v), layer.ln2(), b + "ln2", LN2_SCALE, LN2_NORMALIZED, i);
        String m = mlp(i, layer.mlp(), b + "mlp.", mid[1]);
        if (layer.ln2Post() != null) m = taps.at(LN2_POST_OUT, i, norms.write(m, layer.ln2Post(), b + "ln2_post"));
        m = taps.at(MLP_OUT, i, times(layer.residualScale(), m));
        return new String[] {layer.streamNorms() ? mid[1] : mid[0], layer.parallel() ? graph.node("Add", m, a) : m};
    }

    /** The residual stream after block i, through the hooks resid_post of it and resid_pre of the next. */
    private UnaryOperator<String> residual(int i) {
        return v -> {
            String post = taps.at(RESID_POST, i, v);
            return i + 1 < spec.nLayers() ? taps.at(RESID_PRE, i + 1, post) : post;
        };
    }

    private String[] normed(String x, Norm norm, String name, HookPoint scale, HookPoint normalized, int layer) {
        return new String[] {x, norms.write(x, norm, name, scale, normalized, layer)};
    }

    private String[] addedAndNormed(
            String x,
            String added,
            UnaryOperator<String> seen,
            Norm norm,
            String name,
            HookPoint scale,
            HookPoint normalized,
            int layer) {
        if (fused && norm != null) return norms.addAndWrite(x, added, norm, name);
        return normed(seen.apply(graph.node("Add", x, added)), norm, name, scale, normalized, layer);
    }

    private String attention(int i, Attention a, String name, String x) {
        String z = mixed(i, a, name, x); // [1, pos, head, d_head], or flat
        if (taps.wants(RESULT, i)) {
            String result = taps.at(RESULT, i, headResults(z, name + "o", a)); // [1, pos, head, d_model]
            if (taps.changes(RESULT, i)) {
                String sum = graph.node("ReduceSum", new Attributes().with("keepdims", 0), result, graph.ints(2));
                return linears.bias(sum, name + "o");
            }
        }
        String joined = attention.flat() ? z : reshape(graph, z, 0, 0, (long) a.nHeads() * a.dValue());
        return linears.write(joined, name + "o"); // [1, pos, d_model]
    }

    private String mixed(int i, Attention a, String name, String x) {
        if (a.latent() != null) return latents.write(i, a, name, x);
        List<String> qkv = linears.write(x, List.of(name + "q", name + "k", name + "v"), attention.takesJoined(a));
        if (a.clip() != null) {
            String[] bounds = {graph.scalar(-a.clip()), graph.scalar(a.clip())};
            qkv = qkv.stream()
                    .map(y -> graph.node("Clip", y, bounds[0], bounds[1]))
                    .toList();
        }
        if (qkv.size() == 1) return attention.write(i, a, qkv.get(0), "", "");
        String q = heads(qkv.get(0), a.nHeads(), a, a.qNorm(), name + "q", Q, i); // [1, pos, head, d_head], or flat
        String k = heads(qkv.get(1), a.nKvHeads(), a, a.kNorm(), name + "k", K, i);
        String v = heads(qkv.get(2), a.nKvHeads(), a, null, name + "v", V, i);
        return attention.write(i, a, q, k, v);
    }

    private String heads(String x, int n, Attention a, Norm norm, String name, HookPoint point, int layer) {
        boolean wide = norm != null && a.qkNormWide();
        String h = wide ? norms.write(x, norm, name + "_norm") : x;
        boolean each = norm != null && !wide;
        if (attention.flat() && !each) return h;
        h = reshape(graph, h, 0, 0, n, a.dHead());
        if (each && a.qkNormByHead()) h = norms.byHead(h, norm, name + "_norm", a.dHead());
        else if (each) h = norms.write(h, norm, name + "_norm");
        return attention.flat() ? reshape(graph, h, 0, 0, (long) n * a.dHead()) : taps.at(point, layer, h);
    }

    private String headResults(String z, String name, Attention a) {
        String weight = linears.floats(name); // [d_model, head * d_head]
        String byHead = reshape(graph, weight, spec.dModel(), a.nHeads(), a.dValue());
        byHead = transpose(byHead, 1, 2, 0); // [head, d_head, d_model]
        return transpose(graph.node("MatMul", transpose(z, 0, 2, 1, 3), byHead), 0, 2, 1, 3);
    }

    private String transpose(String x, long... order) {
        return graph.node("Transpose", new Attributes().with("perm", order), x);
    }

    private String times(Float factor, String x) {
        return factor == null || factor == 1f ? x : graph.node("Mul", x, graph.scalar(factor));
    }

    private String mlp(int i, Mlp mlp, String name, String x) {
        if (mlp.experts() != null) return mixture.write(i, mlp, name, x);
        List<String> in =
                linears.write(x, mlp.gated() ? List.of(name + "gate", name + "in") : List.of(name + "in"), false);
        String pre = taps.at(MLP_PRE, i, in.get(0));
        String neurons = mlp.activation() == Activation.XIELU
                ? Activations.xielu(graph, weights, name + "act.", pre)
                : Activations.write(graph, mlp, pre, fused); // [1, pos, d_mlp]
        if (mlp.gated())
            neurons = graph.node("Mul", neurons, Activations.linear(graph, mlp, taps.at(MLP_PRE_LINEAR, i, in.get(1))));
        return linears.write(taps.at(MLP_POST, i, neurons), name + "out"); // [1, pos, d_model]
    }
}
