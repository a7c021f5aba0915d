package org.llminspector.run.inspect.heads;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.inspect.ModelNorms;
import org.llminspector.run.inspect.StreamSums;
import org.llminspector.run.inspect.Unembedding;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Direct logit attribution: what each head, MLP and embedding of a run adds to one logit, with the final norm's scale
 * frozen (Elhage et al. 2021). Thread-safe.
 */
public final class LogitAttribution {

    /** Kind of part that adds to the residual stream. */
    public enum Kind {
        EMBED,
        POS_EMBED,
        HEAD,
        /** Attention output apart from its heads: its bias, and the rounding error of low-precision kernels. */
        ATTN_REST,
        /** A short convolution, in a layer that has one instead of attention. */
        CONV,
        /** A recurrence, whole. */
        SSM,
        MLP,
        /** A token's own input to a layer. */
        PLE,
        /** The final norm's bias. */
        NORM_BIAS
    }

    /** @param effect what the part adds to the logit */
    public record Part(Kind part, Integer layer, Integer head, double effect) {}

    /**
     * Direct effects of every part of a model on one logit, with the final norm's scale frozen.
     *
     * @param id the token whose logit it is
     * @param against the token whose logit is subtracted, or null
     * @param logit as captured, after the soft cap where the model has one
     * @param sum of all effects: the logit before the soft cap
     * @param softcap c in c * tanh(sum / c), or null
     * @param finalScale the final norm's divisor at this position
     * @param parts in data-flow order
     */
    public record Effects(
            String run,
            int pos,
            int id,
            String text,
            Integer against,
            double logit,
            double sum,
            Float softcap,
            double finalScale,
            List<Part> parts) {}

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;

    public LogitAttribution(OpenModels models, RunStore store, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
    }

    /**
     * Direct effect of every part of the model on a logit.
     *
     * @param pos negative from the end; null for the prompt's last
     * @param token whose logit is decomposed; null for the most probable next token
     * @param against whose logit is subtracted; null for none
     * @throws Problem as for a recapture; INVALID for a position or a token that is not there; UNSUPPORTED for an
     *     exported graph, whose weights are not known
     */
    public Effects effects(String runId, Integer pos, Integer token, Integer against) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        DecoderSpec spec = folder.spec();
        StreamSums.check(spec);
        if (token != null) Bounds.within(token, spec.vocab(), "token");
        if (against != null) Bounds.within(against, spec.vocab(), "against");
        Weights weights = folder.weights();
        RunValues.sameWeights(run, folder);
        HookId scale = HookId.of(HookPoint.LN_FINAL_SCALE);
        HookId logits = HookId.of(HookPoint.LOGITS);
        TreeSet<HookId> hooks = new TreeSet<>(List.of(HookId.of(HookPoint.EMBED), scale, logits));
        if (spec.learnedPositions()) hooks.add(HookId.of(HookPoint.POS_EMBED));
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerSpec block = spec.layers().get(i);
            if (block.attends()) hooks.add(HookId.of(HookPoint.Z, i));
            for (HookPoint p : StreamHooks.mixed(block)) hooks.add(HookId.of(p, i));
            if (block.feedsForward()) hooks.add(HookId.of(HookPoint.MLP_OUT, i));
            if (spec.layerInputs() != null) hooks.add(HookId.of(HookPoint.PLE_OUT, i));
        }
        RunValues here = RunValues.of(runId, pos, hooks, store, recaptures);
        float[] logitValues = here.at(logits);
        int chosen = token != null ? token : Vectors.argmax(logitValues);
        float[] row = Unembedding.row(weights, chosen);
        double bias = Unembedding.bias(weights, chosen);
        if (against != null) {
            bias -= Unembedding.bias(weights, against);
            float[] other = Unembedding.row(weights, against);
            for (int i = 0; i < row.length; i++) row[i] -= other[i];
        }
        FrozenNorm last = ModelNorms.frozen(weights, spec.finalNorm(), "ln_final", here.at(scale)[0]);
        float[] direction = last.pulled(row); // [d_model]: its dot product with a stream component is the effect
        double[] factors = StreamSums.factors(weights);
        ToDoubleFunction<HookId> effect =
                hook -> dot(direction, here.at(hook)) * StreamSums.left(factors, hook.layer(), spec.nLayers());
        List<Part> parts = new ArrayList<>();
        parts.add(new Part(Kind.EMBED, null, null, effect.applyAsDouble(HookId.of(HookPoint.EMBED))));
        if (spec.learnedPositions())
            parts.add(new Part(Kind.POS_EMBED, null, null, effect.applyAsDouble(HookId.of(HookPoint.POS_EMBED))));
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerSpec block = spec.layers().get(i);
            if (block.convolves())
                parts.add(new Part(Kind.CONV, i, null, effect.applyAsDouble(HookId.of(HookPoint.CONV_OUT, i))));
            if (block.recurrence() != null)
                parts.add(new Part(Kind.SSM, i, null, effect.applyAsDouble(HookId.of(HookPoint.SSM_OUT, i))));
            if (block.attends()) {
                double mixed = effect.applyAsDouble(HookId.of(HookPoint.ATTN_OUT, i));
                float[] toward = Vectors.scaled(direction, (float) StreamSums.left(factors, i, spec.nLayers()));
                double[] heads = heads(weights, block, i, here.at(HookId.of(HookPoint.Z, i)), toward);
                for (int h = 0; h < heads.length; h++) parts.add(new Part(Kind.HEAD, i, h, heads[h]));
                parts.add(new Part(
                        Kind.ATTN_REST, i, null, mixed - Arrays.stream(heads).sum()));
            }
            if (block.feedsForward())
                parts.add(new Part(Kind.MLP, i, null, effect.applyAsDouble(HookId.of(HookPoint.MLP_OUT, i))));
            if (spec.layerInputs() != null)
                parts.add(new Part(Kind.PLE, i, null, effect.applyAsDouble(HookId.of(HookPoint.PLE_OUT, i))));
        }
        parts.add(new Part(Kind.NORM_BIAS, null, null, last.constant(row) + bias));
        double logit = logitValues[chosen] - (against == null ? 0 : logitValues[against]);
        return new Effects(
                runId,
                here.pos(),
                chosen,
                folder.token(chosen).text(),
                against,
                logit,
                parts.stream().mapToDouble(Part::effect).sum(),
                spec.logitSoftcap(),
                last.scale(),
                parts);
    }

    /**
     * Effect of each head: z times its columns of the output projection, through the post-norm where there is one
     * (scale frozen), times the residual scale.
     *
     * @param z [head * d_head]
     */
    private static double[] heads(Weights weights, LayerSpec block, int layer, float[] z, float[] direction) {
        Attention attention = block.attention();
        String name = "blocks." + layer + ".attn.o";
        float[] toward = Vectors.scaled(direction, block.residualScale());
        if (block.ln1Post() != null) {
            float[] raw = RowScan.dots(weights, name + ".weight", z);
            if (weights.has(name + ".bias")) {
                float[] bias = weights.get(name + ".bias").toFloats();
                for (int i = 0; i < raw.length; i++) raw[i] += bias[i];
            }
            double scale = ModelNorms.scale(block.ln1Post(), raw);
            toward = ModelNorms.frozen(weights, block.ln1Post(), "blocks." + layer + ".ln1_post", scale)
                    .pulled(toward);
        }
        double[] columns = RowScan.columnDots(weights, name + ".weight", toward); // [head * d_head]
        double[] effects = new double[attention.nHeads()];
        for (int i = 0; i < columns.length; i++) effects[i / attention.dValue()] += columns[i] * z[i];
        return effects;
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }
}
