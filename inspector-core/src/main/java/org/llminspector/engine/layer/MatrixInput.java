package org.llminspector.engine.layer;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mlp;

/**
 * What some matrices of a model read: a hooked value, and the weight of a norm that it still lacks.
 *
 * <p>Matrices whose input is no hook's are in none of them: those that follow another without a hook between them, and experts
 * parallel to a dense MLP, which read a norm of their own.
 *
 * @param layer of the matrices, or the number of layers for what reads the last hidden state
 * @param modules their canonical names, in order; with {@code {e}} for the expert where {@code expert}
 * @param norm whose weight and bias are still to be applied to the hook's value, or null
 * @param expert whether each expert's matrices read the tokens sent to it only
 */
public record MatrixInput(int layer, Feeds feeds, List<String> modules, HookId hook, String norm, boolean expert) {

    /** Matrices that share an input. */
    public enum Feeds {
        QKV,
        /** Queries of a latent vector. */
        LATENT_Q,
        /** Keys and values of a latent vector. */
        LATENT_KV,
        O,
        /** The three matrices of a short convolution. */
        CONV_IN,
        CONV_OUT,
        /** The matrices of a recurrence that read the layer's input. */
        SSM_IN,
        /** Mamba's matrices that read its channels. */
        SSM_SELECT,
        SSM_OUT,
        /** The MLP's first matrix, and its gate; the router and the shared expert of a mixture. */
        MLP_IN,
        MLP_OUT,
        EXPERT_IN,
        EXPERT_OUT,
        SHARED_OUT,
        PLE_OUT,
        UNEMBED
    }

    /** Of all layers and the unembedding, in the order in which data flows. */
    public static List<MatrixInput> all(DecoderSpec spec) {
        List<MatrixInput> all = new ArrayList<>();
        for (int i = 0; i <= spec.nLayers(); i++) all.addAll(of(spec, i));
        return all;
    }

    /** Of a layer; for the index after the last one, of what reads the last hidden state. */
    public static List<MatrixInput> of(DecoderSpec spec, int layer) {
        List<MatrixInput> all = new ArrayList<>();
        if (layer == spec.nLayers()) {
            String reads = spec.dEmbed() != null ? "project_out" : spec.tied() ? "embed" : "unembed";
            all.add(new MatrixInput(
                    layer, Feeds.UNEMBED, List.of(reads), HookId.of(HookPoint.LN_FINAL_OUT), null, false));
            return all;
        }
        LayerSpec block = spec.layers().get(layer);
        if (block.mixer() != null) mixer(layer, block, all);
        if (block.feedsForward()) mlp(layer, block, all);
        if (spec.layerInputs() != null)
            add(all, layer, Feeds.PLE_OUT, List.of(name(layer, "ple.out")), HookPoint.PLE_POST, null);
        return all;
    }

    private static void mixer(int layer, LayerSpec block, List<MatrixInput> all) {
        HookPoint read = block.ln1() == null ? HookPoint.RESID_PRE : HookPoint.LN1_NORMALIZED;
        String norm = block.ln1() == null ? null : name(layer, "ln1");
        String attn = name(layer, "attn.");
        String ssm = name(layer, "ssm.");
        if (block.attends()) {
            var a = block.attention();
            List<String> modules =
                    new ArrayList<>(a.latent() == null ? Modules.qkv(attn, a) : Modules.down(attn, a.latent()));
            if (a.gated()) modules.add(attn + "gate");
            if (block.laurel() != null) modules.add(name(layer, "laurel.left"));
            add(all, layer, Feeds.QKV, modules, read, norm);
            if (a.latent() != null && a.latent().dQuery() != null)
                add(all, layer, Feeds.LATENT_Q, List.of(attn + "q"), HookPoint.Q_LATENT, null);
            if (a.latent() != null) add(all, layer, Feeds.LATENT_KV, Modules.up(attn), HookPoint.KV_LATENT, null);
            add(all, layer, Feeds.O, List.of(attn + "o"), HookPoint.Z, null);
        }
        if (block.convolves()) {
            add(all, layer, Feeds.CONV_IN, Modules.convolved(name(layer, "conv.")), read, norm);
            add(all, layer, Feeds.CONV_OUT, List.of(name(layer, "conv.out")), HookPoint.CONV_POST, null);
        }
        if (block.recurrence() != null) {
            add(all, layer, Feeds.SSM_IN, Modules.recurrent(ssm, block.recurrence()), read, norm);
            if (block.recurrence() instanceof Mamba)
                add(all, layer, Feeds.SSM_SELECT, Modules.selective(ssm), HookPoint.SSM_X, null);
            add(all, layer, Feeds.SSM_OUT, List.of(ssm + "out"), HookPoint.SSM_POST, null);
        }
    }

    private static void mlp(int layer, LayerSpec block, List<MatrixInput> all) {
        boolean mid = block.mixer() != null && !block.parallel();
        HookPoint stream = mid ? HookPoint.RESID_MID : HookPoint.RESID_PRE;
        HookPoint read = block.ln2() == null ? stream : HookPoint.LN2_NORMALIZED;
        String norm = block.ln2() == null ? null : name(layer, "ln2");
        String mlp = name(layer, "mlp.");
        Mlp m = block.mlp();
        Experts experts = m.experts();
        if (experts == null) {
            add(all, layer, Feeds.MLP_IN, Modules.in(mlp, m), read, norm);
            add(all, layer, Feeds.MLP_OUT, List.of(mlp + "out"), HookPoint.MLP_POST, null);
            return;
        }
        boolean parallel = experts.parallelNorm() != null;
        List<String> every = new ArrayList<>();
        if (!parallel) every.add(mlp + "router");
        if (experts.dShared() != null) every.addAll(Modules.in(mlp + "shared_expert.", m));
        if (experts.sharedGate()) every.add(mlp + "shared_expert_gate");
        add(all, layer, Feeds.MLP_IN, every, read, norm);
        String each = mlp + "experts.{e}.";
        if (!parallel)
            all.add(new MatrixInput(layer, Feeds.EXPERT_IN, Modules.in(each, m), HookId.of(read, layer), norm, true));
        all.add(new MatrixInput(
                layer, Feeds.EXPERT_OUT, List.of(each + "out"), HookId.of(HookPoint.EXPERT_POST, layer), null, true));
        if (experts.dShared() != null)
            add(all, layer, Feeds.SHARED_OUT, List.of(mlp + "shared_expert.out"), HookPoint.SHARED_POST, null);
    }

    private static void add(
            List<MatrixInput> all, int layer, Feeds feeds, List<String> modules, HookPoint read, String norm) {
        all.add(new MatrixInput(layer, feeds, modules, HookId.of(read, layer), norm, false));
    }

    private static String name(int layer, String module) {
        return "blocks." + layer + "." + module;
    }
}
