package org.llminspector.train;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.tokenize.Tokenizer;

/** Estimate, before any allocation, of a training run's bytes outside the Java heap. */
public final class TrainingMemory {

    /**
     * Float32 copies of all parameters: weights, gradient, two moments, weights scaled by their norms, and a temporary
     * one.
     */
    private static final int COPIES = 6;

    /** All parameters are in one buffer, which is limited to 2 GiB. */
    private static final long MOST_PARAMETERS = (Integer.MAX_VALUE - 8L) / Float.BYTES;

    private TrainingMemory() {}

    /** A model to be trained, and its number of parameters. */
    private record Size(DecoderSpec spec, double parameters) {}

    /**
     * Bytes of a run of a recipe with its defaults filled in.
     *
     * @param vocab vocabulary size of a model without a base or tokenizer of its own
     * @throws Problem UNSUPPORTED for a base with recurrences; TOO_LARGE where the model has more parameters than can be trained
     */
    public static long bytes(Recipe recipe, int vocab) {
        Size model = size(recipe, vocab);
        if (model.parameters() > MOST_PARAMETERS) {
            boolean tunes = recipe.base() != null;
            throw Problem.tooLarge("the model has more parameters than can be trained here")
                    .where(tunes ? "recipe.base" : "recipe.model")
                    .expected(String.format(Locale.ROOT, "at most %,d parameters", MOST_PARAMETERS))
                    .found(String.format(Locale.ROOT, "%,.0f parameters", model.parameters()))
                    .instead("take a smaller " + (tunes ? "model" : "d_model, d_mlp or n_layers"));
        }
        int copies = COPIES + (recipe.task() == Recipe.Task.PREFER ? recipe.rejectedSamples() > 0 ? 2 : 1 : 0);
        boolean sums = recipe.task() == Recipe.Task.MODULAR_ADDITION;
        int length = Math.min(recipe.sequence(), model.spec().maxContext());
        double tokens = sums ? 4.0 * recipe.batch() : (double) recipe.microBatch() * length;
        return (long) (Float.BYTES * (copies * model.parameters() + tokens * kept(model.spec(), length)));
    }

    private static Size size(Recipe recipe, int vocab) {
        if (recipe.base() == null) {
            DecoderSpec spec = LlamaFolder.spec(recipe.model(), vocabulary(recipe, vocab));
            return new Size(spec, parameters(spec));
        }
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
            Weights model = Family.open(checkpoint);
            Learner.check(model.spec());
            Set<String> shared = model.shared().keySet();
            double all = model.names().stream()
                    .filter(name -> !shared.contains(name))
                    .mapToDouble(name -> Tensor.elements(model.shape(name)))
                    .sum();
            return new Size(model.spec(), all);
        }
    }

    private static int vocabulary(Recipe recipe, int vocab) {
        if (recipe.task() == Recipe.Task.MODULAR_ADDITION) return ModularAddition.vocabulary(recipe.modulus());
        if (recipe.tokenizer() == null) return vocab;
        try (Tokenizer tokenizer = Tokenizer.open(Path.of(recipe.tokenizer()))
                .orElseThrow(() -> Problem.notFound("there is no tokenizer").where("recipe.tokenizer"))) {
            return tokenizer.vocabSize();
        }
    }

    /** Parameters of a new model: a Llama. */
    private static double parameters(DecoderSpec spec) {
        double d = spec.dModel();
        double sum = spec.vocab() * d * (spec.tied() ? 1 : 2) + d;
        for (LayerSpec layer : spec.layers()) {
            Attention a = layer.attention();
            double heads = 2.0 * a.nHeads() * a.dHead() + 2.0 * a.nKvHeads() * a.dHead();
            sum += d * (heads + 3.0 * layer.mlp().dMlp() + 2);
        }
        return sum;
    }

    /**
     * Float32 activations per token stored for the backward pass: in each layer stream, norms, q, k, v, z (or the parts
     * of a short convolution) and neurons.
     */
    private static double kept(DecoderSpec spec, int length) {
        double sum = 4.0 * spec.dModel();
        for (LayerSpec layer : spec.layers()) {
            sum += 8.0 * spec.dModel() + (layer.attends() ? kept(layer.attention(), length) : 8.0 * spec.dModel());
            Experts experts = layer.mlp().experts();
            if (experts == null) sum += 5.0 * layer.mlp().dMlp();
            else {
                sum += experts.active() * (5.0 * layer.mlp().dMlp() + 4.0 * spec.dModel()) + 4.0 * experts.count();
                if (experts.dShared() != null) sum += 5.0 * experts.dShared();
            }
        }
        return sum;
    }

    /** Of attention: with a cap or sinks also its scores, capped, masked and after the softmax. */
    private static double kept(Attention a, int length) {
        boolean scores = a.scoreSoftcap() != null || a.sinks();
        return 6.0 * a.nHeads() * a.dHead() + (scores ? 4.0 * a.nHeads() * length : 0);
    }
}
