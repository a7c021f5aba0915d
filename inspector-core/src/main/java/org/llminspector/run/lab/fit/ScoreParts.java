package org.llminspector.run.lab.fit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.llminspector.analysis.Rotation;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.graph.Contributions;
import org.llminspector.run.lab.graph.ModelGraph;
import org.llminspector.run.lab.graph.ModelGraph.Part;
import org.llminspector.run.lab.graph.ModelGraph.Writer;
import org.llminspector.run.lab.graph.Projection;
import org.llminspector.run.lab.graph.VectorNorm;
import org.llminspector.run.lab.side.Side;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * QK attribution: one attention score as a sum over pairs of what wrote the residual stream, one at the query's position and one at the
 * key's (Elhage et al. 2021; Kamath et al. 2025). Norms have their divisors frozen, and RoPE turns both sides, so that every part of
 * the query and of the key is linear in its writer.
 */
public final class ScoreParts {

    /**
     * A score and its parts.
     *
     * @param writers of the stream before the layer; then {@code rest} (biases of attention and rounding) and {@code bias} (of the
     *     norms and the projection, which no writer wrote)
     * @param parts the product of each query part and each key part, [query writer, key writer], row-major
     * @param position what the score has by the distance alone (ALiBi); else 0
     * @param sum of all parts and the position's
     * @param score as the run had it, before its soft cap
     */
    public record Score(
            String hook,
            int head,
            int query,
            int key,
            List<String> writers,
            List<Double> parts,
            double position,
            double sum,
            double score) {}

    private final Side run;
    private final DecoderSpec spec;
    private final Weights weights;
    private final int layer;
    private final LayerSpec block;
    private final Attention attention;

    private ScoreParts(Side run, int layer) {
        this.run = run;
        this.spec = run.spec();
        this.weights = run.folder().weights();
        this.layer = layer;
        this.block = spec.layers().get(layer);
        this.attention = block.attention();
    }

    /** @throws Problem for a layer without attention, a key after its query, or arithmetic that is no sum of parts */
    public static Score of(Side run, int layer, int head, int query, int key) {
        DecoderSpec spec = run.spec();
        ModelGraph.check(spec);
        if (!spec.layers().get(layer).attends())
            throw Problem.invalid("this layer has no attention")
                    .where("cells")
                    .expected("attn.hook_attn_scores of a layer with attention")
                    .found("layer " + layer);
        Attention a = spec.layers().get(layer).attention();
        refuse(a.clip() != null, layer, "clip", "a clip is no sum of its parts", spec);
        refuse(a.qkNormRotated(), layer, "qk_norm_rotated", "a norm follows the rotation", spec);
        if (head < 0 || head >= a.nHeads())
            throw Problem.invalid("there is no such head")
                    .where("cells, heads")
                    .expected("0 to " + (a.nHeads() - 1))
                    .found(head);
        if (key > query || query >= run.length() || key < a.reach().first(query))
            throw Problem.invalid("this query does not see this key")
                    .where("cells, positions and keys")
                    .expected("a key from " + a.reach().first(query) + " to the query " + query)
                    .found(key);
        return new ScoreParts(run, layer).score(head, query, key);
    }

    private static void refuse(boolean when, int layer, String field, String why, DecoderSpec spec) {
        if (!when) return;
        throw Problem.unsupported("a score of this model cannot be taken apart: " + why)
                .where("layers[" + layer + "].attention." + field)
                .found(spec.family())
                .instead("patch queries and keys: \"kind\": \"patch\", \"points\": [\"attn.hook_q\", \"attn.hook_k\"]");
    }

    private Score score(int head, int query, int key) {
        List<Writer> writers = ModelGraph.of(spec).writers().stream()
                .filter(w -> w.layer() < layer)
                .toList();
        HookId stream = HookId.of(HookPoint.RESID_PRE, layer);
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        TreeSet<HookId> hooks = new TreeSet<>(List.of(stream, scores));
        for (Writer w : writers)
            hooks.add(w.part() == Part.HEAD ? HookId.of(HookPoint.Z, w.layer()) : ModelGraph.output(spec, w));
        run.values(hooks);
        float[][] q = parts(writers, stream, Projection.query(weights, layer, attention), head, query);
        int group = attention.nHeads() / attention.nKvHeads();
        float[][] k = parts(writers, stream, Projection.key(weights, layer, attention), head / group, key);
        double by = attention.scale();
        if (attention.queryScale() != null) by *= attention.queryScale().at(query, 1)[0];
        double[] all = new double[q.length * k.length];
        double sum = 0;
        for (int i = 0; i < q.length; i++) {
            for (int j = 0; j < k.length; j++) {
                double dot = 0;
                for (int c = 0; c < q[i].length; c++) dot += (double) q[i][c] * k[j][c];
                all[i * k.length + j] = by * dot;
                sum += by * dot;
            }
        }
        double position = attention.alibi() == null ? 0 : AlibiBias.between(attention.alibi(), head, query, key);
        List<String> names = new ArrayList<>(writers.stream().map(Writer::name).toList());
        names.add("rest");
        names.add("bias");
        int n = run.length();
        double score = run.value(scores).toFloats()[(head * n + query) * n + key];
        if (attention.scoreSoftcap() != null) {
            double cap = attention.scoreSoftcap();
            double share = score / cap;
            score = cap * 0.5 * Math.log((1 + share) / (1 - share)); // artanh
        }
        return new Score(
                scores.name(),
                head,
                query,
                key,
                names,
                Arrays.stream(all).boxed().toList(),
                position,
                sum + position,
                score);
    }

    /** Each writer's part of a head's rotated query or key, then the rest's and the bias's, [writer + 2][d_head]. */
    private float[][] parts(List<Writer> writers, HookId stream, Projection projection, int head, int pos) {
        float[] x = Examples.vector(run.value(stream), 0, pos);
        float[][] written = new float[writers.size() + 1][];
        float[] rest = x.clone();
        for (int w = 0; w < writers.size(); w++) {
            Writer writer = writers.get(w);
            if (writer.part() != Part.HEAD) {
                written[w] = Examples.vector(run.value(ModelGraph.output(spec, writer)), 0, pos);
            } else if (writer.head() == 0) {
                float[] z = Examples.vector(run.value(HookId.of(HookPoint.Z, writer.layer())), 0, pos);
                float[][] heads = new Contributions(weights, writer.layer()).of(z);
                System.arraycopy(heads, 0, written, w, heads.length);
            }
            for (int i = 0; i < rest.length; i++) rest[i] -= written[w][i];
        }
        written[writers.size()] = rest;
        String name = "blocks." + layer + ".ln1";
        float[] weight =
                weights.has(name + ".weight") ? weights.get(name + ".weight").toFloats() : null;
        float[] bias = weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : null;
        VectorNorm norm = new VectorNorm(block.ln1(), weight, bias);
        double scale = norm.scale(x, 0, x.length);
        float[] normed = new float[x.length];
        norm.frozen(x, 0, x.length, 0, normed, 0, scale);
        double divisor = projection.divisor(normed, 0, head);
        float[] constant = projected(norm, scale, projection, divisor, new float[x.length], head);
        float[][] parts = new float[written.length + 1][];
        Parallel.each(written.length, w -> {
            float[] y = projected(norm, scale, projection, divisor, written[w], head);
            for (int i = 0; i < y.length; i++) y[i] -= constant[i];
            parts[w] = y;
        });
        parts[written.length] = constant;
        if (attention.rope() == null) return parts;
        Rotation rotation = new Rotation(attention.rope(), run.length());
        for (float[] part : parts) rotation.rotate(pos, part, 0);
        return parts;
    }

    /** A part of the stream through the frozen norm and the projection; an affine function of x. */
    private static float[] projected(
            VectorNorm norm, double scale, Projection projection, double divisor, float[] x, int head) {
        float[] normed = new float[x.length];
        norm.frozen(x, 0, x.length, 0, normed, 0, scale);
        return projection.frozen(normed, 0, head, divisor);
    }
}
