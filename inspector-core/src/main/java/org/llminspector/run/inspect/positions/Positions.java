package org.llminspector.run.inspect.positions;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/**
 * Position encoding of a model: RoPE angles and frequencies per layer, ALiBi slopes, and cosine similarity of learned
 * position embeddings. Thread-safe.
 */
public final class Positions {

    /** Position encoding of a layer's attention. */
    public enum Kind {
        /** Queries and keys are rotated. */
        ROPE,
        /** Scores get a penalty proportional to the distance. */
        ALIBI,
        /** Not in this layer: a learned position embedding is added before the first layer. */
        LEARNED,
        /** None (NoPE): only the causal mask orders tokens. */
        NONE
    }

    /**
     * Two dimensions of a head that RoPE rotates together.
     *
     * @param frequency radians per position
     * @param unscaled the same without the config's scaling
     * @param period positions of a full rotation
     */
    public record Pair(int pair, double frequency, double unscaled, double period) {}

    /**
     * Position encoding shared by some layers.
     *
     * @param layers that use it
     * @param dHead size of one head
     * @param rotaryDims rotated dimensions of a head; null without RoPE, as are the following RoPE fields
     * @param theta base of the frequencies
     * @param scaling as the config has it
     * @param attentionFactor factor on cos and sin
     * @param window positions that a query attends to, itself included; null for all
     * @param slopes ALiBi's penalty per position of distance, for each head; null without ALiBi
     */
    public record Scheme(
            Kind kind,
            List<Integer> layers,
            int dHead,
            Integer rotaryDims,
            Double theta,
            Rope.Scaling scaling,
            Double attentionFactor,
            Integer window,
            List<Double> slopes,
            List<Pair> pairs) {}

    /**
     * @param length positions of the sequence, which dynamic and longrope scaling depend on
     * @param of the learned position embeddings; null without
     * @param alibiSlopes what ALiBi (Press et al. 2021) would use, a penalty per position for each head of the first
     *     attention layer
     */
    public record Schemes(
            String model,
            int length,
            int maxContext,
            boolean learned,
            List<Scheme> schemes,
            Similarity similarity,
            List<Double> alibiSlopes) {}

    /**
     * Cosine similarity of learned position embeddings.
     *
     * @param every stride: one position of this many is taken
     * @param matrix over the taken positions
     */
    public record Similarity(int every, List<List<Float>> cosines) {}

    private final OpenModels models;

    public Positions(OpenModels models) {
        this.models = models;
    }

    /**
     * Position encoding of each layer of a model.
     *
     * @param length of the sequence, or null for 1, which length-dependent scaling leaves unchanged
     * @param most learned positions to compare
     */
    public Schemes schemes(String slug, Integer length, int most) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        int seqLen = length == null ? 1 : length;
        if (seqLen < 1 || seqLen > spec.maxContext()) {
            throw Problem.invalid("the model reads no sequence of this length")
                    .where("length")
                    .expected("1 to " + spec.maxContext())
                    .found(seqLen);
        }
        Map<List<Object>, List<Integer>> same = new LinkedHashMap<>();
        for (int i : spec.attending()) {
            Attention a = spec.layers().get(i).attention();
            same.computeIfAbsent(Arrays.asList(a.rope(), a.alibi(), a.reach(), a.dHead()), k -> new ArrayList<>())
                    .add(i);
        }
        List<Scheme> schemes = same.values().stream()
                .map(layers -> scheme(spec, layers, seqLen))
                .toList();
        int heads = spec.attentions().mapToInt(Attention::nHeads).findFirst().orElse(0);
        return new Schemes(
                slug,
                seqLen,
                spec.maxContext(),
                spec.learnedPositions(),
                schemes,
                spec.learnedPositions() ? similarity(folder, most) : null,
                heads == 0 ? List.of() : AlibiBias.slopes(heads, 8));
    }

    private static Scheme scheme(DecoderSpec spec, List<Integer> layers, int seqLen) {
        Attention a = spec.layers().get(layers.get(0)).attention();
        Rope rope = a.rope();
        Kind kind = kind(spec, a);
        if (rope == null) {
            return new Scheme(
                    kind, layers, a.dHead(), null, null, null, null, a.window(), slopes(a.alibi()), List.of());
        }
        float[] scaled = RopeFrequencies.perPosition(rope, seqLen);
        float[] plain = RopeFrequencies.perPosition(new Rope(rope.dims(), rope.theta(), new Rope.Default()), seqLen);
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < scaled.length; i++) {
            pairs.add(new Pair(i, scaled[i], plain[i], 2 * Math.PI / scaled[i]));
        }
        return new Scheme(
                kind,
                layers,
                a.dHead(),
                rope.rotaryDims(),
                rope.theta(),
                rope.scaling(),
                (double) RopeFrequencies.attentionFactor(rope),
                a.window(),
                slopes(a.alibi()),
                pairs);
    }

    static Kind kind(DecoderSpec spec, Attention a) {
        if (a.rope() != null) return Kind.ROPE;
        if (a.alibi() != null) return Kind.ALIBI;
        return spec.learnedPositions() ? Kind.LEARNED : Kind.NONE;
    }

    private static List<Double> slopes(Alibi alibi) {
        if (alibi == null) return null;
        return alibi.slopes().stream().map(s -> (double) s * alibi.factor()).toList();
    }

    private static Similarity similarity(ModelFolder folder, int most) {
        DecoderSpec spec = folder.spec();
        int every = Math.max(1, (spec.maxContext() + most - 1) / most);
        int n = (spec.maxContext() + every - 1) / every;
        Tensor table = folder.weights().get("pos_embed.weight"); // [context, d_model]
        float[][] rows = new float[n][];
        for (int i = 0; i < n; i++)
            rows[i] = table.rows(i * every, i * every + 1).toFloats();
        List<List<Float>> cosines = new ArrayList<>();
        for (float[] x : rows) {
            List<Float> line = new ArrayList<>();
            for (float[] y : rows) line.add((float) Vectors.cosine(x, y));
            cosines.add(line);
        }
        return new Similarity(every, cosines);
    }
}
