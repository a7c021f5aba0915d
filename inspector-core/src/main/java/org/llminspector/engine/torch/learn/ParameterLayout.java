package org.llminspector.engine.torch.learn;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.engine.Parameter;
import org.llminspector.family.Weights;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * Layout of a model's weights in one flat array: matrices first, layer by layer, then the norms' vectors, so that
 * weight decay applies to one contiguous range.
 */
public final class ParameterLayout {

    /** Matrices of a layer, in order. */
    static final List<String> MATRICES =
            List.of("attn.q", "attn.k", "attn.v", "attn.o", "mlp.gate", "mlp.in", "mlp.out");

    private final List<Parameter> parameters = new ArrayList<>();
    private final Map<String, String> shared; // weights without a parameter of their own, and those that have it
    private long size;

    /**
     * Of an existing model of any family: every weight in the order of the forward pass; weights that are the same
     * values of the files are one parameter.
     */
    ParameterLayout(Weights weights) {
        shared = weights.shared();
        for (boolean matrix : new boolean[] {true, false}) {
            for (String name : weights.names()) {
                long[] shape = weights.shape(name);
                if (decays(name, shape.length) == matrix && !shared.containsKey(name)) add(name, shape);
            }
        }
    }

    /** Whether weight decay applies: not to the norms of single heads, a row each (Cohere, StableLM). */
    private static boolean decays(String name, int axes) {
        return axes > 1 && !Weights.isNorm(name);
    }

    /** The parameters by name, each weight that shares one included. */
    Map<String, Parameter> byName() {
        Map<String, Parameter> all = new HashMap<>();
        parameters.forEach(p -> all.put(p.name(), p));
        shared.forEach((name, of) -> all.put(name, all.get(of)));
        return all;
    }

    /** Place of a weight among the parameters; -1 where there is none of this name. */
    int index(String name) {
        for (int i = 0; i < parameters.size(); i++) if (parameters.get(i).name().equals(name)) return i;
        return -1;
    }

    /** Of a new model, which is made in Llama's shape. */
    ParameterLayout(DecoderSpec spec) {
        if (!isLlama(spec)) throw refused(spec);
        shared = Map.of();
        LayerSpec layer = spec.layers().get(0);
        Attention a = layer.attention();
        long d = spec.dModel();
        long q = (long) a.nHeads() * a.dHead();
        long kv = (long) a.nKvHeads() * a.dHead();
        long mlp = layer.mlp().dMlp();
        long[][] shapes = {{q, d}, {kv, d}, {kv, d}, {d, q}, {mlp, d}, {mlp, d}, {d, mlp}};
        add("embed.weight", spec.vocab(), d);
        for (int i = 0; i < spec.nLayers(); i++) {
            for (int m = 0; m < shapes.length; m++) add("blocks." + i + "." + MATRICES.get(m) + ".weight", shapes[m]);
        }
        if (!spec.tied()) add("unembed.weight", spec.vocab(), d);
        for (int i = 0; i < spec.nLayers(); i++) {
            add("blocks." + i + ".ln1.weight", d);
            add("blocks." + i + ".ln2.weight", d);
        }
        add("ln_final.weight", d);
    }

    private void add(String name, long... shape) {
        List<Long> dims = new ArrayList<>();
        for (long s : shape) dims.add(s);
        Parameter p = new Parameter(name, dims, size);
        parameters.add(p);
        size += p.size();
    }

    List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    long size() {
        return size;
    }

    /** Elements of the matrices, which come first. */
    long matrices() {
        return parameters.stream()
                .filter(p -> decays(p.name(), p.shape().size()))
                .mapToLong(Parameter::size)
                .sum();
    }

    /**
     * Whether a model has Llama's shape: compares the whole spec with a Llama's, so that a field added to a record later
     * is checked too.
     */
    public static boolean isLlama(DecoderSpec s) {
        Norm norm = s.finalNorm();
        if (norm == null || !s.layers().get(0).attends()) return false;
        LayerSpec layer = s.layers().get(0);
        Attention a = layer.attention();
        Mlp mlp = new Mlp(layer.mlp().dMlp(), Activation.SILU, true, false);
        Attention attention = new Attention(
                a.nHeads(), a.nKvHeads(), a.dHead(), a.scale(), a.rope(), null, null, false, false, null, null, false);
        List<LayerSpec> layers =
                Collections.nCopies(s.nLayers(), new LayerSpec(norm, attention, null, norm, mlp, null, false));
        return norm.equals(new Norm(Norm.Kind.RMS, norm.eps()))
                && a.rope() != null
                && a.rope().dims() == a.dHead()
                && s.equals(new DecoderSpec(
                        s.family(),
                        s.vocab(),
                        s.dModel(),
                        s.maxContext(),
                        false,
                        1f,
                        layers,
                        norm,
                        s.tied(),
                        false,
                        null,
                        null));
    }

    private static Problem refused(DecoderSpec s) {
        return Problem.unsupported("a new model can be made in Llama's shape only")
                .where(s.family())
                .expected("RMSNorm, RoPE, a SwiGLU MLP, no biases, no norms of q and k, every layer alike")
                .instead("train a model of this shape that exists, from its weights");
    }
}
