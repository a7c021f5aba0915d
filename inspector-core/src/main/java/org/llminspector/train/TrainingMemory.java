package org.llminspector.train;

import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
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

    /**
     * Bytes of a run of a recipe with its defaults filled in.
     *
     * @param vocab vocabulary size of a model without a base or tokenizer of its own
     * @throws Problem TOO_LARGE where the model has more parameters than can be trained
     */
    public static long bytes(Recipe recipe, int vocab) {
        DecoderSpec spec = spec(recipe, vocab);
        double parameters = parameters(spec);
        if (parameters > MOST_PARAMETERS) {
            throw Problem.tooLarge("the model has more parameters than can be trained here")
                    .where("recipe.model")
                    .expected(String.format(java.util.Locale.ROOT, "at most %,d parameters", MOST_PARAMETERS))
                    .found(String.format(java.util.Locale.ROOT, "%,.0f parameters", parameters))
                    .instead("take a smaller d_model, d_mlp or n_layers");
        }
        int copies = COPIES + (recipe.task() == Recipe.Task.PREFER ? recipe.rejectedSamples() > 0 ? 2 : 1 : 0);
        boolean sums = recipe.task() == Recipe.Task.MODULAR_ADDITION;
        double tokens = sums ? 4.0 * recipe.batch() : (double) recipe.microBatch() * recipe.sequence();
        return (long) (Float.BYTES * (copies * parameters + tokens * kept(spec)));
    }

    private static DecoderSpec spec(Recipe recipe, int vocab) {
        if (recipe.base() != null) {
            try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
                return Family.open(checkpoint).spec();
            }
        }
        return LlamaFolder.spec(recipe.model(), vocabulary(recipe, vocab));
    }

    private static int vocabulary(Recipe recipe, int vocab) {
        if (recipe.task() == Recipe.Task.MODULAR_ADDITION) return ModularAddition.vocabulary(recipe.modulus());
        if (recipe.tokenizer() == null) return vocab;
        try (Tokenizer tokenizer = Tokenizer.open(Path.of(recipe.tokenizer()))
                .orElseThrow(() -> Problem.notFound("there is no tokenizer").where("recipe.tokenizer"))) {
            return tokenizer.vocabSize();
        }
    }

    /** Parameters of a Llama. */
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
     * Float32 activations per token stored for the backward pass: in each layer stream, norms, q, k, v, z and neurons.
     */
    private static double kept(DecoderSpec spec) {
        double sum = 4.0 * spec.dModel();
        for (LayerSpec layer : spec.layers()) {
            Attention a = layer.attention();
            sum += 8.0 * spec.dModel()
                    + 6.0 * a.nHeads() * a.dHead()
                    + 5.0 * layer.mlp().dMlp();
        }
        return sum;
    }
}
