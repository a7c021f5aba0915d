package org.llminspector.run.lab.graph;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.StreamSums;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * A model as a graph: what writes the residual stream (the embedding, each head, each other mixer, each MLP), and what reads it (a
 * head's query, key and value, another mixer, an MLP, the logits). An edge leads from each writer to each later reader.
 * Nodes have the names of EAP-IG (Hanna et al. 2024): {@code input}, {@code a0.h1}, {@code m0}, {@code a3.h2<q>}, {@code logits}.
 */
public record ModelGraph(List<Writer> writers, List<Reader> readers) {

    public enum Part {
        INPUT,
        HEAD,
        /** A short convolution or a recurrence. */
        MIXER,
        MLP,
        Q,
        K,
        V,
        LOGITS
    }

    /** @param head -1 for none */
    public record Writer(String name, Part part, int layer, int head) {}

    /**
     * What reads the stream.
     *
     * @param head the query head, also of a key or value that several share; -1 for none
     * @param writers how many of the graph's writers come before it
     */
    public record Reader(String name, Part part, int layer, int head, int writers) {}

    public static ModelGraph of(DecoderSpec spec) {
        List<Writer> writers = new ArrayList<>(List.of(new Writer("input", Part.INPUT, -1, -1)));
        List<Reader> readers = new ArrayList<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerSpec layer = spec.layers().get(i);
            int before = writers.size();
            if (layer.attends()) {
                for (int h = 0; h < layer.attention().nHeads(); h++) {
                    String name = "a" + i + ".h" + h;
                    writers.add(new Writer(name, Part.HEAD, i, h));
                    readers.add(new Reader(name + "<q>", Part.Q, i, h, before));
                    readers.add(new Reader(name + "<k>", Part.K, i, h, before));
                    readers.add(new Reader(name + "<v>", Part.V, i, h, before));
                }
            } else if (layer.mixer() != null) {
                String name = (layer.convolves() ? "c" : "s") + i;
                writers.add(new Writer(name, Part.MIXER, i, -1));
                readers.add(new Reader(name, Part.MIXER, i, -1, before));
            }
            if (!layer.feedsForward()) continue;
            readers.add(new Reader("m" + i, Part.MLP, i, -1, layer.parallel() ? before : writers.size()));
            writers.add(new Writer("m" + i, Part.MLP, i, -1));
        }
        readers.add(new Reader("logits", Part.LOGITS, spec.nLayers(), -1, writers.size()));
        return new ModelGraph(List.copyOf(writers), List.copyOf(readers));
    }

    /** How many edges it has. */
    public int edges() {
        return readers.stream().mapToInt(Reader::writers).sum();
    }

    /** Where a reader's input lies, before its norm. */
    public static HookId stream(DecoderSpec spec, Reader r) {
        if (r.part() == Part.LOGITS) return HookId.of(HookPoint.RESID_POST, spec.nLayers() - 1);
        LayerSpec layer = spec.layers().get(r.layer());
        boolean mid = r.part() == Part.MLP && !layer.parallel() && layer.mixer() != null;
        return HookId.of(mid ? HookPoint.RESID_MID : HookPoint.RESID_PRE, r.layer());
    }

    /** Where a writer's own output lies; of a head that of all heads together. */
    public static HookId output(DecoderSpec spec, Writer w) {
        return switch (w.part()) {
            case INPUT -> HookId.of(HookPoint.RESID_PRE, 0);
            case HEAD -> HookId.of(HookPoint.ATTN_OUT, w.layer());
            case MLP -> HookId.of(HookPoint.MLP_OUT, w.layer());
            default ->
                HookId.of(spec.layers().get(w.layer()).convolves() ? HookPoint.CONV_OUT : HookPoint.SSM_OUT, w.layer());
        };
    }

    /** @throws Problem UNSUPPORTED for a model whose readers cannot be told apart, with the field that is in the way */
    public static void check(DecoderSpec spec) {
        StreamSums.check(spec);
        refuse(spec.layerInputs() != null, "layer_inputs", "tokens also enter at every layer", spec);
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerSpec layer = spec.layers().get(i);
            String at = "layers[" + i + "].";
            refuse(layer.scaled(), at + "scaled", "the stream is multiplied after a layer", spec);
            refuse(layer.factors() != null, at + "factors", "the stream is multiplied within a layer", spec);
            refuse(layer.laurel() != null, at + "laurel", "a path parallel to attention reads the stream too", spec);
            boolean both = layer.attends() && layer.recurrence() != null;
            refuse(both, at + "mixer", "attention and a recurrence read one norm", spec);
            boolean bare = layer.mixer() != null && !layer.attends() && layer.ln1() == null;
            refuse(bare, at + "ln1", "a mixer without a norm before it", spec);
            boolean experts = layer.mlp().experts() != null;
            refuse(experts && layer.ln2() == null, at + "ln2", "a mixture without a norm before it", spec);
            refuse(
                    experts && layer.mlp().experts().parallelNorm() != null,
                    at + "mlp.experts.parallel_norm",
                    "experts parallel to a dense MLP read the stream by a norm of their own",
                    spec);
            if (layer.attends()) check(layer, layer.attention(), at + "attention.", spec);
        }
    }

    private static void check(LayerSpec layer, Attention a, String at, DecoderSpec spec) {
        boolean grouped = a.nKvHeads() < a.nHeads();
        refuse(a.latent() != null, at + "latent", "queries, keys and values come from shared latent vectors", spec);
        refuse(a.gated(), at + "gated", "a gate reads the stream too", spec);
        refuse(a.keysFrom() != null, at + "keys_from", "keys and values are another layer's", spec);
        refuse(a.valuesAreKeys(), at + "values_are_keys", "keys and values are one projection", spec);
        refuse(
                grouped && a.qkNormRotated(),
                at + "qk_norm_rotated",
                "keys that several heads share are normed after RoPE",
                spec);
        refuse(grouped && a.queryScale() != null, at + "query_scale", "queries are scaled by position", spec);
        refuse(a.outBias() && layer.ln1Post() != null, at + "out_bias", "a bias stands before a post-norm", spec);
    }

    private static void refuse(boolean when, String field, String why, DecoderSpec spec) {
        if (!when) return;
        throw Problem.unsupported("edges of this model cannot be told apart: " + why)
                .where(field)
                .found(spec.family())
                .instead("patch places or paths, which every model takes: \"kind\": \"patch\" or \"path\"");
    }
}
