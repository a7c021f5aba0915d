package org.llminspector.engine.torch.learn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.llminspector.base.Problem;
import org.llminspector.engine.Parameter;
import org.llminspector.family.Weights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

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
        Parameter p = new Parameter(name, LongStream.of(shape).boxed().toList(), size);
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
        LayerSpec layer = s.layers().get(0);
        if (s.finalNorm() == null
                || !(layer.mixer() instanceof Attention a)
                || a.rope() == null
                || a.rope().dims() != a.dHead()) return false;
        Attention plain = Attention.plain(a.nHeads(), a.nKvHeads(), a.dHead(), a.rope(), null, false, false);
        return s.equals(DecoderSpec.llama(
                s.family(),
                s.vocab(),
                s.dModel(),
                s.maxContext(),
                s.nLayers(),
                plain.scaled(a.scale()),
                layer.mlp().dMlp(),
                s.finalNorm().eps(),
                s.tied()));
    }

    private static Problem refused(DecoderSpec s) {
        return Problem.unsupported("a new model can be made in Llama's shape only")
                .where(s.family())
                .expected("RMSNorm, RoPE, a SwiGLU MLP, no biases, no norms of q and k, every layer alike")
                .instead("train a model of this shape that exists, from its weights");
    }
}
