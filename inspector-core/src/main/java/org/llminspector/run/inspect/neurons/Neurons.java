package org.llminspector.run.inspect.neurons;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.analysis.NeuronFunctions;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.Vectors;
import org.llminspector.analysis.WeightedSum;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
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
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/**
 * One neuron of a run: the inputs that activate it and the logits it affects. Hooks that the run lacks are recaptured
 * at that position. Thread-safe.
 */
public final class Neurons {

    /**
     * One neuron at one position.
     *
     * @param function its non-linearity
     * @param curve learned parameters of the non-linearity; null for none
     * @param sums its weighted input sums: one, or two where it is gated (gate, then up)
     * @param activation the non-linearity of the (first) sum
     * @param post input of the output projection: the activation, times the second sum where it is gated
     * @param outputNorm L2 norm of its output vector, which is scaled by post
     * @param written norm of its contribution to the residual stream
     * @param finalScale the final norm's divisor here; frozen for the effects
     * @param effect on the requested token's logit
     * @param raised tokens whose logits it raises most by direct effect
     * @param lowered those whose logits it lowers most
     */
    public record Neuron(
            String run,
            int layer,
            int neuron,
            int pos,
            Activation function,
            NeuronFunctions.Xielu curve,
            boolean gated,
            List<NamedSum> sums,
            double activation,
            double post,
            double outputNorm,
            double written,
            double finalScale,
            TokenEffect effect,
            List<Effect> raised,
            List<Effect> lowered) {}

    /** @param hook of the sum: hook_pre or hook_pre_linear */
    public record NamedSum(String hook, WeightedSum sum) {}

    /** Direct effect of a neuron on a token's logit. */
    public record Effect(int id, String text, double effect) {}

    /**
     * A neuron's share in one logit.
     *
     * @param effect direct effect
     * @param rest direct effect of everything else in the residual stream, and of the final norm's bias
     * @param logit their sum, before the soft cap where the model has one
     */
    public record TokenEffect(int id, String text, double effect, double rest, double logit, Float softcap) {}

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;

    public Neurons(OpenModels models, RunStore store, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
    }

    /**
     * One neuron at one position.
     *
     * @param pos negative from the end; null for the prompt's last
     * @param token whose logit is decomposed; null for the most probable next token
     * @param top how many inputs to list
     * @param tokens how many raised and lowered tokens to list
     * @throws Problem as for a recapture; INVALID for a layer, a neuron, a position or a token that is not there;
     *     CONFLICT where the model has other weights now; UNSUPPORTED for an exported graph, whose weights are not
     *     known
     */
    public Neuron neuron(String runId, int layer, int neuron, Integer pos, Integer token, int top, int tokens) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        DecoderSpec spec = folder.spec();
        LayerSpec block = layer(spec, layer);
        StreamSums.check(spec);
        Mlp mlp = block.mlp();
        Bounds.within(neuron, mlp.dMlp(), "neuron");
        if (token != null) Bounds.within(token, spec.vocab(), "token");
        Weights weights = folder.weights();
        RunValues.sameWeights(run, folder);
        List<HookId> parts = parts(spec, layer);
        TreeSet<HookId> hooks = new TreeSet<>(parts);
        HookId stream =
                HookId.of(block.parallel() || block.mixer() == null ? HookPoint.RESID_PRE : HookPoint.RESID_MID, layer);
        HookId normalized = HookId.of(HookPoint.LN2_NORMALIZED, layer);
        HookId scale = HookId.of(HookPoint.LN2_SCALE, layer);
        HookId last = HookId.of(HookPoint.RESID_POST, spec.nLayers() - 1);
        hooks.add(stream);
        if (block.ln2() != null) hooks.addAll(List.of(normalized, scale));
        hooks.addAll(List.of(
                HookId.of(HookPoint.MLP_POST, layer),
                last,
                HookId.of(HookPoint.LN_FINAL_SCALE),
                HookId.of(HookPoint.LOGITS)));
        RunValues here = RunValues.of(runId, pos, hooks, store, recaptures);

        FrozenNorm ln2 = ModelNorms.frozen(
                weights, block.ln2(), "blocks." + layer + ".ln2", block.ln2() == null ? 1 : here.at(scale)[0]);
        float[] read = block.ln2() == null
                ? here.at(stream)
                : weighed(here.at(normalized), weights, "blocks." + layer + ".ln2");
        Map<String, float[]> written = new LinkedHashMap<>();
        double[] factors = StreamSums.factors(weights);
        for (HookId part : parts)
            written.put(
                    part.name(), Vectors.scaled(here.at(part), (float) StreamSums.left(factors, part.layer(), layer)));
        List<NamedSum> sums = new ArrayList<>();
        for (String matrix : mlp.gated() ? List.of("gate", "in") : List.of("in")) {
            HookPoint shown = mlp.gated() && matrix.equals("in") ? HookPoint.MLP_PRE_LINEAR : HookPoint.MLP_PRE;
            String name = "blocks." + layer + ".mlp." + matrix;
            double bias =
                    weights.has(name + ".bias") ? weights.get(name + ".bias").get(neuron) : 0;
            float[] row = weights.row(name + ".weight", neuron);
            sums.add(new NamedSum(HookId.of(shown, layer).name(), WeightedSum.of(read, row, bias, ln2, written, top)));
        }
        double post = here.at(HookId.of(HookPoint.MLP_POST, layer))[neuron];
        NeuronFunctions.Xielu curve =
                mlp.activation() == Activation.XIELU ? learned(weights, "blocks." + layer + ".mlp.act.") : null;

        float[] out = output(weights, block, layer, here, neuron);
        float[] added = new float[out.length];
        double left = StreamSums.left(factors, layer, spec.nLayers());
        for (int i = 0; i < out.length; i++) added[i] = (float) (out[i] * post * left);
        FrozenNorm lnFinal = ModelNorms.frozen(
                weights, spec.finalNorm(), "ln_final", here.at(HookId.of(HookPoint.LN_FINAL_SCALE))[0]);
        float[] effects =
                Vectors.scaled(RowScan.dots(weights, Unembedding.table(spec), lnFinal.part(added)), spec.logitScale());
        float[] logits = here.at(HookId.of(HookPoint.LOGITS));
        int chosen = token != null ? token : Vectors.argmax(logits);
        float[] row = Unembedding.row(weights, chosen);
        float[] all = here.at(last);
        float[] rest = new float[all.length];
        for (int i = 0; i < rest.length; i++) rest[i] = all[i] - added[i];
        double own = lnFinal.dot(row, added);
        double others = lnFinal.dot(row, rest) + lnFinal.constant(row) + Unembedding.bias(weights, chosen);
        float[] negative = new float[effects.length];
        for (int i = 0; i < effects.length; i++) negative[i] = -effects[i];
        return new Neuron(
                runId,
                layer,
                neuron,
                here.pos(),
                mlp.activation(),
                curve,
                mlp.gated(),
                sums,
                curve == null
                        ? NeuronFunctions.of(mlp.activation(), sums.get(0).sum().z())
                        : curve.of(sums.get(0).sum().z()),
                post,
                Vectors.norm(out),
                Vectors.norm(added),
                lnFinal.scale(),
                new TokenEffect(chosen, folder.token(chosen).text(), own, others, own + others, spec.logitSoftcap()),
                effects(RowScan.highest(effects, tokens, row0 -> true), 1, folder),
                effects(RowScan.highest(negative, tokens, row0 -> true), -1, folder));
    }

    private static NeuronFunctions.Xielu learned(Weights weights, String act) {
        double beta = weights.get(act + "beta").get(0);
        double below = weights.get(act + "alpha_n").get(0) + beta;
        return new NeuronFunctions.Xielu(
                weights.get(act + "alpha_p").get(0),
                below,
                beta,
                weights.get(act + "eps").get(0));
    }

    private static List<Effect> effects(List<RowScan.Scored> scored, int sign, ModelFolder folder) {
        return scored.stream()
                .map(s -> new Effect(s.row(), folder.token(s.row()).text(), sign * s.score()))
                .toList();
    }

    /** Hooks whose sum is the residual stream at the feed-forward part's input, in order. */
    private static List<HookId> parts(DecoderSpec spec, int layer) {
        List<HookId> parts = new ArrayList<>();
        parts.add(HookId.of(HookPoint.EMBED));
        if (spec.learnedPositions()) parts.add(HookId.of(HookPoint.POS_EMBED));
        for (int i = 0; i < layer; i++) {
            mixed(spec, i, parts);
            if (spec.layers().get(i).feedsForward()) parts.add(HookId.of(HookPoint.MLP_OUT, i));
            if (spec.layerInputs() != null) parts.add(HookId.of(HookPoint.PLE_OUT, i));
        }
        if (!spec.layers().get(layer).parallel()) mixed(spec, layer, parts);
        return parts;
    }

    private static void mixed(DecoderSpec spec, int layer, List<HookId> parts) {
        for (HookPoint p : StreamHooks.mixed(spec.layers().get(layer))) parts.add(HookId.of(p, layer));
    }

    /**
     * The neuron's output vector, [d_model]: its column of the output projection, through the post-norm where there is
     * one (scale frozen), times the residual scale.
     */
    private static float[] output(Weights weights, LayerSpec block, int layer, RunValues here, int neuron) {
        String name = "blocks." + layer + ".mlp.out";
        Tensor matrix = weights.get(name + ".weight"); // [d_model, d_mlp]
        int dModel = Math.toIntExact(matrix.shape()[0]);
        int dMlp = Math.toIntExact(matrix.shape()[1]);
        float[] column = new float[dModel];
        for (int i = 0; i < dModel; i++) column[i] = (float) matrix.get((long) i * dMlp + neuron);
        column = Vectors.scaled(column, block.residualScale());
        if (block.ln2Post() == null) return column;
        float[] raw = projected(weights, name, here.at(HookId.of(HookPoint.MLP_POST, layer)));
        return ModelNorms.frozen(
                        weights,
                        block.ln2Post(),
                        "blocks." + layer + ".ln2_post",
                        ModelNorms.scale(block.ln2Post(), raw))
                .part(column);
    }

    /** The output projection of all neurons before a post-norm, [d_model]. */
    private static float[] projected(Weights weights, String name, float[] post) {
        float[] raw = RowScan.dots(weights, name + ".weight", post);
        if (!weights.has(name + ".bias")) return raw;
        float[] bias = weights.get(name + ".bias").toFloats();
        for (int i = 0; i < raw.length; i++) raw[i] += bias[i];
        return raw;
    }

    private static float[] weighed(float[] normalized, Weights weights, String name) {
        float[] read = normalized.clone();
        float[] weight = ModelNorms.weight(weights, name);
        float[] bias = weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : null;
        for (int i = 0; i < read.length; i++) read[i] = read[i] * weight[i] + (bias == null ? 0 : bias[i]);
        return read;
    }

    /**
     * A layer with neurons; a mixture of experts is refused, since its neurons belong to experts that differ per token.
     */
    static LayerSpec layer(DecoderSpec spec, int layer) {
        Bounds.within(layer, spec.nLayers(), "layer");
        LayerSpec block = spec.layers().get(layer);
        if (!block.feedsForward()) {
            throw Problem.unsupported("the layer has no MLP, and so no neurons")
                    .where("layer " + layer)
                    .expected("a layer with mlp.hook_post")
                    .found("a recurrence or attention alone");
        }
        Experts experts = block.mlp().experts();
        if (experts == null) return block;
        throw Problem.unsupported("the layer is a mixture: a neuron is one of an expert, to which few tokens are sent")
                .where("layer " + layer)
                .expected("a layer with one feed-forward part for all tokens")
                .found(experts.count() + " experts")
                .instead("read mlp.experts.hook_post and mlp.hook_expert_indices, which says whose neurons they are");
    }
}
