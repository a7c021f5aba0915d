package org.llminspector.run.inspect.neurons;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.TableFacts;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.LayerSpec;

/**
 * Feed-forward output of one layer of a run at one position, and the neurons that contribute most. Hooks that the run
 * lacks are recaptured at that position. Thread-safe.
 */
public final class FeedForwards {

    /**
     * One layer's feed-forward part at one position.
     *
     * @param neurons how many there are
     * @param firing how many of them are above 0 at the output projection's input
     * @param strongest by |activation| x |output vector|, the strongest first
     * @param inputNorm norm of the residual stream that the part reads
     * @param outputNorm norm of what it adds
     * @param ratio outputNorm / inputNorm
     * @param cosine cosine between the stream before and after
     */
    public record FeedForward(
            String run,
            int layer,
            int pos,
            int neurons,
            int firing,
            List<Strong> strongest,
            double inputNorm,
            double outputNorm,
            double ratio,
            double cosine) {}

    /**
     * One of the strongest neurons.
     *
     * @param outputNorm L2 norm of its output vector
     * @param strength |activation| x outputNorm
     * @param share cumulative share of the projection's output: the sum of this and all stronger neurons'
     *     contributions, projected on that output; 1 for all neurons
     */
    public record Strong(int neuron, double activation, double outputNorm, double strength, double share) {}

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;
    private final TableFacts facts;

    public FeedForwards(OpenModels models, RunStore store, Recaptures recaptures, TableFacts facts) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
        this.facts = facts;
    }

    /**
     * One layer's feed-forward part at one position, with its strongest neurons.
     *
     * @param pos negative from the end; null for the prompt's last
     * @throws Problem as {@link Neurons#neuron}
     */
    public FeedForward feedForward(String runId, int layer, Integer pos, int top) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        LayerSpec block = Neurons.layer(folder.spec(), layer);
        Weights weights = folder.weights();
        RunValues.sameWeights(run, folder);
        HookId neurons = HookId.of(HookPoint.MLP_POST, layer);
        HookId before =
                HookId.of(block.parallel() || block.mixer() == null ? HookPoint.RESID_PRE : HookPoint.RESID_MID, layer);
        HookId added = HookId.of(HookPoint.MLP_OUT, layer);
        RunValues here = RunValues.of(runId, pos, List.of(neurons, before, added), store, recaptures);
        String name = "blocks." + layer + ".mlp.out";
        float[] post = here.at(neurons);
        float[] norms = Vectors.scaled(facts.columnNorms(folder, name + ".weight"), block.residualScale());
        // Along the whole output u, neuron n adds post[n] (W u)[n] / |u|^2: one matrix-vector product gives all shares.
        float[] whole = RowScan.dots(weights, name + ".weight", post);
        double square = 0;
        for (float u : whole) square += (double) u * u;
        double[] along = RowScan.columnDots(weights, name + ".weight", whole);
        Integer[] order = IntStream.range(0, post.length).boxed().toArray(Integer[]::new);
        Arrays.sort(
                order,
                Comparator.comparingDouble((Integer n) -> -Math.abs(post[n]) * norms[n])
                        .thenComparingInt(n -> n));
        List<Strong> strongest = new ArrayList<>();
        double share = 0;
        for (int i = 0; i < Math.min(top, order.length); i++) {
            int n = order[i];
            share += square == 0 ? 0 : post[n] * along[n] / square;
            strongest.add(new Strong(n, post[n], norms[n], Math.abs(post[n]) * norms[n], share));
        }
        int firing = 0;
        for (float p : post) if (p > 0) firing++;
        float[] in = here.at(before);
        float[] out = here.at(added);
        double product = 0;
        float[] after = new float[in.length];
        for (int i = 0; i < in.length; i++) {
            after[i] = in[i] + out[i];
            product += (double) in[i] * after[i];
        }
        double inNorm = Vectors.norm(in);
        double cosine = inNorm * Vectors.norm(after) == 0 ? 0 : product / (inNorm * Vectors.norm(after));
        return new FeedForward(
                runId,
                layer,
                here.pos(),
                post.length,
                firing,
                strongest,
                inNorm,
                Vectors.norm(out),
                inNorm == 0 ? 0 : Vectors.norm(out) / inNorm,
                cosine);
    }
}
