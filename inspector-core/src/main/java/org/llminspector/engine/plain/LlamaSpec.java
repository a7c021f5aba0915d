package org.llminspector.engine.plain;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * Specs of Llama's shape: RMSNorm before attention and MLP, RoPE over whole heads, grouped-query attention, SwiGLU, no
 * biases, and a sliding window where there is one (Mistral). Sizes, eps, RoPE scaling and tying are free.
 *
 * <p>A whole spec is compared with a Llama's of the same sizes, so that a field added to a record later counts too.
 */
final class LlamaSpec {

    private LlamaSpec() {}

    /** Refuses a spec of another shape, and names the first field that makes it one. */
    static DecoderSpec check(DecoderSpec spec) {
        Optional<String> field = otherField(spec);
        if (field.isEmpty()) return spec;
        throw Problem.unsupported("the plain forward pass computes models of Llama's shape only")
                .where(field.get())
                .expected("RMSNorm, RoPE over whole heads, a SwiGLU MLP, no biases, no norms of q and k")
                .found(spec.family())
                .instead("an engine computes this model");
    }

    /** The first field of the spec's JSON that no Llama has: {@code layers[0].attention.qkv_bias}; empty for a Llama. */
    static Optional<String> otherField(DecoderSpec s) {
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            if (layer.convolves()) return Optional.of("layers[" + i + "].conv");
            if (layer.recurrence() != null) return Optional.of("layers[" + i + "].recurrence");
            if (!layer.attends()) return Optional.of("layers[" + i + "].attention");
            Attention a = layer.attention();
            if (a.rope() == null) return Optional.of("layers[" + i + "].attention.rope");
            Rope rope = new Rope(a.dHead(), a.rope().theta(), a.rope().scaling());
            layers.add(new LayerSpec(
                    rms(layer.ln1()),
                    Attention.plain(a.nHeads(), a.nKvHeads(), a.dHead(), rope, a.window(), false, false)
                            .scaled(a.scale()),
                    null,
                    rms(layer.ln2()),
                    new Mlp(layer.mlp().dMlp(), Activation.SILU, true, false),
                    null,
                    false));
        }
        DecoderSpec llama = new DecoderSpec(
                s.family(),
                s.vocab(),
                s.dModel(),
                s.maxContext(),
                false,
                1f,
                layers,
                rms(s.finalNorm()),
                s.tied(),
                false,
                null,
                null);
        return difference("", Json.mapper().valueToTree(s), Json.mapper().valueToTree(llama));
    }

    private static Norm rms(Norm norm) {
        return new Norm(Norm.Kind.RMS, norm == null ? 0 : norm.eps());
    }

    /** Path of the first value in which two JSON documents differ. */
    private static Optional<String> difference(String path, JsonNode a, JsonNode b) {
        if (a == null || b == null || a.isContainerNode() != b.isContainerNode()) return Optional.of(path);
        if (!a.isContainerNode()) return a.equals(b) ? Optional.empty() : Optional.of(path);
        for (int i = 0; a.isArray() && i < a.size(); i++) {
            Optional<String> found = difference(path + "[" + i + "]", a.get(i), b.get(i));
            if (found.isPresent()) return found;
        }
        TreeSet<String> names = new TreeSet<>();
        a.fieldNames().forEachRemaining(names::add);
        b.fieldNames().forEachRemaining(names::add);
        for (String name : names) {
            Optional<String> found = difference(path.isEmpty() ? name : path + "." + name, a.get(name), b.get(name));
            if (found.isPresent()) return found;
        }
        return Optional.empty();
    }
}
