package org.llminspector.engine.onnx.layer;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.layer.Block;
import org.llminspector.engine.layer.Embedding;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** Writes the forward pass of a decoder as an ONNX graph, whose nodes are the operations of its layers. */
public final class GraphWriter {

    private final DecoderSpec spec;
    private final GraphBuilder graph = new GraphBuilder();
    private final Taps taps;
    private final NodeOps ops;
    private final Embedding<String> ends;

    /** How the operations are written, and over how many rows. */
    private enum Form {
        HOOKED,
        FUSED,
        BATCH
    }

    private final Form form;

    private GraphWriter(
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            Form form,
            Set<HookId> captured,
            Map<HookId, List<Taps.Step>> steps) {
        this.spec = spec;
        this.form = form;
        this.taps = new Taps(graph, captured, steps);
        KvFormats cache = target.kvFormats(plan);
        List<KvShape> shapes = KvShape.of(spec, steps.keySet());
        this.ops = switch (form) {
            case HOOKED -> new NodeOps(graph, spec, encodings, plan, target, shapes, cache);
            case FUSED -> new FusedOps(graph, spec, encodings, plan, target, shapes, cache, target.usesFp16(plan));
            case BATCH -> new BatchOps(graph, spec, encodings, plan, target);
        };
        this.ends = new Embedding<>(spec, ops, taps);
    }

    /** The fused form: fused operators, without hooks inside. */
    public static Graph fused(DecoderSpec spec, Encodings encodings, PrecisionPlan plan, Target target) {
        return new GraphWriter(spec, encodings, plan, target, Form.FUSED, Set.of(), Map.of()).decoder();
    }

    /** Whether the fused form gains from fused attention: its head sizes, or latent vectors, allow it on a CPU. */
    public static boolean fuses(DecoderSpec spec, boolean cuda) {
        return cuda || FusedOps.takes(spec, false) || spec.attentions().allMatch(a -> a.latent() != null);
    }

    /** The hooked form: plain operators, with these hooks as outputs and these interventions. */
    public static Graph hooked(
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            Set<HookId> captured,
            Map<HookId, List<Taps.Step>> steps) {
        return new GraphWriter(spec, encodings, plan, target, Form.HOOKED, captured, steps).decoder();
    }

    /** Rows of equal length from empty caches, in plain operators, with these hooks as outputs and these interventions. */
    public static Graph batch(
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            Set<HookId> captured,
            Map<HookId, List<Taps.Step>> steps) {
        return new GraphWriter(spec, encodings, plan, target, Form.BATCH, captured, steps).decoder();
    }

    /** From a residual stream {@code resid} [1, pos, d_model] to logits. */
    public static Graph unembedding(DecoderSpec spec, Encodings encodings, PrecisionPlan plan, Target target) {
        GraphWriter writer = new GraphWriter(spec, encodings, plan, target, Form.FUSED, Set.of(), Map.of());
        long[] shape = spec.altUp() == null
                ? new long[] {1, -1, spec.dModel()}
                : new long[] {1, -1, spec.altUp().forms(), spec.dModel()};
        return writer.unembed(writer.graph.input("resid", Type.FLOAT, shape));
    }

    private Graph decoder() {
        Block<String> block = new Block<>(spec, ops, taps);
        Embedding.Embedded<String> embedded =
                ends.embed(graph.input("ids", Type.INT64, form == Form.BATCH ? -1 : 1, -1));
        String x = embedded.stream(); // [1, pos, d_model], or [1, pos, form, d_model]
        for (int i = 0; i < spec.nLayers(); i++) x = block.layer(i, x, ends.inputOf(i, embedded.inputs()));
        String wanted = graph.input("wanted_positions", Type.INT64, -1);
        return unembed(ops.node("Gather", new Attributes().with("axis", 1), x, wanted));
    }

    private Graph unembed(String x) {
        String logits = ops.use(ends.unembed(x));
        graph.output(logits, Type.FLOAT);
        return Graph.of(graph, logits, taps, ops.inPlace());
    }
}
