package org.llminspector.train;

import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import org.llminspector.base.Built;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.engine.Optimizer;
import org.llminspector.train.corpus.NamedCorpus;

/**
 * Complete configuration of a training run: the same recipe on the same machine gives the same weights.
 *
 * @param name of the resulting model
 * @param task what is trained (pretrain)
 * @param base for instruct and prefer: the folder of the model that is tuned, of any family in safetensors files; it gives
 *     the shape, the tokenizer and the layout of what is written
 * @param corpus a {@link NamedCorpus} ({@code tales}), or for pretrain a text file whose documents are separated by blank
 *     lines
 * @param tokenizer a folder with tokenizer.json and tokenizer_config.json (for a named corpus: its own, made anew)
 * @param corpusSeed of its documents
 * @param model the decoder's shape, when there is no base
 * @param seed of the initial weights
 * @param deviation standard deviation of the initial weights, which are normal (0.02)
 * @param sequence predicted tokens per sequence (model.context)
 * @param sequenceGrowth of pretrain: numbers of updates after which the sequence length doubles, ending at {@code
 *     sequence}; short sequences first make long-range dependencies easier to learn (none: full length from the start)
 * @param wholeDocuments of pretrain: whether a sequence is as many whole documents as fit, padded, instead of a piece
 *     of an endless stream (no). A document's beginning is then always in the context
 * @param batch sequences (examples, pairs) per update
 * @param microBatch sequences per pass; gradients accumulate to a batch (batch). It changes speed and the last bits
 * @param steps updates
 * @param optimizer the update rule (AdamW, betas 0.9 and 0.95, weight decay 0.1)
 * @param learningRate the peak rate
 * @param minLearningRate the final rate (a tenth)
 * @param midtraining of pretrain: stages after the first, each on other documents (none)
 * @param decaySteps number of last updates in which the rate falls linearly from its peak (warmup-stable-decay), so
 *     that a run can be lengthened without restarting (none: half a cosine, from the warm-up to the end)
 * @param warmupSteps steps on which the rate grows from 0
 * @param maxNorm longer gradients are scaled down to this norm (1)
 * @param validateEvery steps between two validations (100)
 * @param validationSequences held-out sequences per validation, or whole documents, each alone (32)
 * @param saveEvery steps between two states to resume from (200)
 * @param checkpointSteps the model is saved as a checkpoint after these updates
 * @param determinedWeight loss weight of tokens that follow from their document so far, where the corpus marks them (1,
 *     as every other token); of instruct and prefer, in the rehearsed documents
 * @param allChoices whether the target of a word that the corpus' author drew from several is all of them in equal
 *     parts instead of the drawn one (no); of pretrain only with whole documents, of instruct and prefer in the
 *     rehearsed ones
 * @param rehearsal of instruct and prefer: documents of the corpus per update, with loss on all their tokens (0)
 * @param rehearsalFrom index of the first of those documents (0)
 * @param rehearsalWeight weight of those documents' mean loss in addition to the tuning loss (1)
 * @param rejectedSamples of prefer: pairs of the model's own sentences per update, one of them with a fault (0)
 * @param fixedNorms whether the layers' norm weights stay 1 (no): trained, they can fade out a layer's attention
 * @param beta of prefer: the factor of the margin in the loss (0.1)
 * @param modulus of modular_addition
 * @param trainShare of modular_addition: the share of all pairs used for training (0.3)
 * @param dtype number format of the weights in model.safetensors: f32, f16 or bf16 (f16); the state to resume from is
 *     f32
 */
@Built
public record Recipe(
        String name,
        Task task,
        String base,
        String corpus,
        String tokenizer,
        Long corpusSeed,
        Shape model,
        Long seed,
        Double deviation,
        Integer sequence,
        List<Integer> sequenceGrowth,
        Boolean wholeDocuments,
        Integer batch,
        Integer microBatch,
        Integer steps,
        Optimizer optimizer,
        Double learningRate,
        Double minLearningRate,
        Integer decaySteps,
        List<Midtraining> midtraining,
        Integer warmupSteps,
        Double maxNorm,
        Integer validateEvery,
        Integer validationSequences,
        Integer saveEvery,
        List<Integer> checkpointSteps,
        Double determinedWeight,
        Boolean allChoices,
        Integer rehearsal,
        Long rehearsalFrom,
        Double rehearsalWeight,
        Integer rejectedSamples,
        Boolean fixedNorms,
        Double beta,
        Integer modulus,
        Double trainShare,
        DType dtype) {

    private static final Optimizer RULE = Optimizer.of(Optimizer.Kind.ADAMW, null, null, 0.95, null, 0.1);

    /** A run's training task. */
    public enum Task {
        /** Next-token prediction on a corpus. */
        PRETRAIN,
        /** The answers of a corpus' exchanges (supervised fine-tuning). */
        INSTRUCT,
        /** Which of two answers is better (DPO). */
        PREFER,
        /** a + b modulo p. */
        MODULAR_ADDITION;

        boolean tunes() {
            return this == INSTRUCT || this == PREFER;
        }
    }

    /** Dimensions of a Llama: RMSNorm, RoPE, SwiGLU, grouped-query attention, tied embeddings, no biases. */
    public record Shape(
            int dModel,
            int nLayers,
            int nHeads,
            int nKvHeads,
            int dMlp,
            int context,
            Double ropeTheta,
            Double normEps) {

        Shape withDefaults() {
            return new Shape(
                    dModel,
                    nLayers,
                    nHeads,
                    nKvHeads,
                    dMlp,
                    context,
                    ropeTheta == null ? 10_000 : ropeTheta,
                    normEps == null ? 1e-5 : normEps);
        }
    }

    /**
     * A stage of pretraining after the first. It starts from the weights as saved, in the recipe's number format, with
     * a fresh optimizer; the learning rate warms up and falls again as in the first stage.
     *
     * @param from updates of the whole run before it
     * @param firstDocument index of the first document that it reads
     * @param sequences predicted tokens per sequence, by the whole run's update from which they apply (the recipe's)
     * @param decaySteps number of last updates in which the rate falls linearly; 0: it stays at its peak
     * @param determinedWeight as the recipe's (that)
     * @param threads of one operation on a CPU; another number changes sums in the last bits (the process's)
     * @param learningRate the peak rate (the recipe's)
     * @param allChoices as the recipe's (that)
     */
    public record Midtraining(
            int from,
            long firstDocument,
            SortedMap<Integer, Integer> sequences,
            int decaySteps,
            Double determinedWeight,
            Integer threads,
            Double learningRate,
            Boolean allChoices) {}

    /** The recipe with every default filled in; an invalid one is a Problem. */
    public Recipe checked() {
        need(name != null && name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,80}"), "name", "a folder's name", name);
        Task what = task == null ? Task.PRETRAIN : task;
        boolean sums = what == Task.MODULAR_ADDITION;
        need(what.tunes() == (base != null), "base", what.tunes() ? "a model's folder" : "nothing for this task", base);
        need(sums || corpus != null, "corpus", NamedCorpus.known() + ", or a text file", null);
        need(
                sums ? modulus != null && modulus > 1 && modulus < 1000 : modulus == null,
                "modulus",
                sums ? "2 to 999" : "nothing for this task",
                modulus);
        double share = trainShare == null ? 0.3 : trainShare;
        need(share > 0 && share < 1, "train_share", "between 0 and 1", share);
        if (!what.tunes()) checkShape();
        int context = model == null ? Integer.MAX_VALUE : model.context;
        int length = or(sequence, context);
        need(length > 0 && length <= context, "sequence", "1 to the context, " + context, length);
        List<Integer> growth = numbers("sequence_growth", sequenceGrowth);
        need(
                growth.stream().sorted().distinct().toList().equals(growth) && length % (1L << growth.size()) == 0,
                "sequence_growth",
                "numbers of updates that grow, and a sequence of " + length + " that can be halved as often",
                growth);
        int examples = sums ? 1 : or(batch, 0);
        need(examples > 0, "batch", "at least 1", batch);
        int micro = or(microBatch, examples);
        need(micro > 0 && examples % micro == 0, "micro_batch", "a divisor of the batch, " + examples, micro);
        need(steps != null && steps > 0, "steps", "at least 1", steps);
        need(learningRate != null && learningRate > 0, "learning_rate", "more than 0", learningRate);
        int warmup = or(warmupSteps, Math.min(100, steps / 10));
        need(warmup >= 0 && warmup <= steps, "warmup_steps", "0 to the steps, " + steps, warmup);
        need(
                decaySteps == null || (decaySteps > 0 && decaySteps <= steps - warmup),
                "decay_steps",
                "1 to the steps after the warm-up, " + (steps - warmup),
                decaySteps);
        List<Midtraining> stages = midtraining == null ? List.of() : midtraining;
        need(stages.isEmpty() || what == Task.PRETRAIN, "midtraining", "nothing for this task", stages);
        for (int i = 0; i < stages.size(); i++) {
            need(
                    stages.get(i) != null,
                    "midtraining[" + i + "]",
                    "a stage: from, first_document, decay_steps, ...",
                    null);
        }
        for (int i = 0; i < stages.size(); i++) checkStage(i, warmup, length);
        int rehearsed = or(rehearsal, 0);
        need(rehearsed >= 0 && (rehearsed == 0 || what.tunes()), "rehearsal", "0, or documents when tuning", rehearsed);
        need(
                rehearsalFrom == null || rehearsalFrom == 0 || (rehearsalFrom > 0 && rehearsed > 0),
                "rehearsal_from",
                rehearsed > 0 ? "at least 0" : "nothing without rehearsal",
                rehearsalFrom);
        need(
                rehearsalWeight == null || rehearsalWeight == 1 || (rehearsalWeight > 0 && rehearsed > 0),
                "rehearsal_weight",
                rehearsed > 0 ? "more than 0" : "nothing without rehearsal",
                rehearsalWeight);
        int rejected = or(rejectedSamples, 0);
        need(
                rejected >= 0 && (rejected == 0 || what == Task.PREFER),
                "rejectedSamples",
                "0, or pairs for prefer",
                rejectedSamples);
        need(deviation == null || deviation > 0, "deviation", "more than 0", deviation);
        positive("validate_every", validateEvery);
        positive("validation_sequences", validationSequences);
        positive("save_every", saveEvery);
        need(maxNorm == null || maxNorm > 0, "max_norm", "more than 0", maxNorm);
        checkWeight("determined_weight", determinedWeight);
        checkChoices("all_choices", allChoices);
        need(beta == null || beta > 0, "beta", "more than 0", beta);
        DType format = dtype == null ? DType.F16 : dtype;
        need(List.of(DType.F32, DType.F16, DType.BF16).contains(format), "dtype", "f32, f16 or bf16", format);
        return RecipeBuilder.builder(this)
                .task(what)
                .corpusSeed(corpusSeed == null ? 1L : corpusSeed)
                .model(model == null ? null : model.withDefaults())
                .seed(seed == null ? 1L : seed)
                .deviation(deviation == null ? 0.02 : deviation)
                .sequence(length)
                .sequenceGrowth(growth)
                .wholeDocuments(wholeDocuments != null && wholeDocuments)
                .batch(examples)
                .microBatch(micro)
                .optimizer(optimizer == null ? RULE : optimizer)
                .minLearningRate(leastRate())
                .midtraining(List.copyOf(stages))
                .warmupSteps(warmup)
                .maxNorm(maxNorm == null ? 1.0 : maxNorm)
                .validateEvery(or(validateEvery, 100))
                .validationSequences(or(validationSequences, 32))
                .saveEvery(or(saveEvery, 200))
                .checkpointSteps(numbers("checkpoint_steps", checkpointSteps))
                .determinedWeight(determinedWeight == null ? 1.0 : determinedWeight)
                .allChoices(allChoices != null && allChoices)
                .rehearsal(rehearsed)
                .rehearsalFrom(or(rehearsalFrom, 0L))
                .rehearsalWeight(rehearsalWeight == null ? 1.0 : rehearsalWeight)
                .rejectedSamples(rejected)
                .fixedNorms(fixedNorms != null && fixedNorms)
                .beta(beta == null ? 0.1 : beta)
                .trainShare(share)
                .dtype(format)
                .build();
    }

    private void checkStage(int i, int warmup, int length) {
        String field = "midtraining[" + i + "]";
        Midtraining stage = midtraining.get(i);
        Midtraining before = i == 0 ? null : midtraining.get(i - 1);
        Midtraining after = i + 1 == midtraining.size() ? null : midtraining.get(i + 1);
        int begun = before == null ? 0 : before.from;
        int end = after == null ? steps : after.from;
        need(
                stage.from > begun + warmup && stage.from < end - warmup,
                field + ".from",
                "more than the warm-up, " + warmup + ", after " + begun + ", and with room for another until " + end,
                stage.from);
        need(
                stage.firstDocument >= (before == null ? 0 : before.firstDocument + 1),
                field + ".first_document",
                before == null ? "at least 0" : "after the stage before, " + before.firstDocument,
                stage.firstDocument);
        need(
                stage.decaySteps >= 0 && stage.decaySteps <= end - stage.from - warmup,
                field + ".decay_steps",
                "0 to the steps after its warm-up, " + (end - stage.from - warmup),
                stage.decaySteps);
        if (stage.sequences != null) {
            need(
                    stage.sequences.entrySet().stream()
                            .allMatch(e -> e.getKey() >= stage.from
                                    && e.getKey() < end
                                    && e.getValue() != null
                                    && e.getValue() > 0
                                    && length % e.getValue() == 0),
                    field + ".sequences",
                    "updates of the stage, " + stage.from + " to " + end + ", with parts of the sequence, " + length
                            + ", that fit it a whole number of times",
                    stage.sequences);
        }
        checkWeight(field + ".determined_weight", stage.determinedWeight);
        checkChoices(field + ".all_choices", stage.allChoices);
        boolean some = stage.threads == null || (stage.threads > 0 && stage.threads <= 1024);
        need(some, field + ".threads", "1 to 1024", stage.threads);
        double least = leastRate();
        need(
                stage.learningRate == null || (stage.learningRate >= least && stage.learningRate <= 1),
                field + ".learning_rate",
                "min_learning_rate, " + least + ", to 1",
                stage.learningRate);
        need(
                before != null || decaySteps == null || decaySteps <= stage.from - warmup,
                "decay_steps",
                "1 to the first stage's after its warm-up, " + (stage.from - warmup),
                decaySteps);
    }

    private double leastRate() {
        return minLearningRate == null ? learningRate / 10 : minLearningRate;
    }

    private void checkChoices(String field, Boolean all) {
        boolean known = (task != null && task.tunes()) || (wholeDocuments != null && wholeDocuments);
        need(all == null || !all || known, field, "false, without whole_documents", all);
    }

    private static void checkWeight(String field, Double weight) {
        need(weight == null || (weight > 0 && weight <= 100), field, "more than 0, at most 100", weight);
    }

    private void checkShape() {
        need(model != null, "model", "the decoder's shape: d_model, n_layers, n_heads, ...", null);
        need(model.nLayers > 0 && model.nLayers <= 200, "model.n_layers", "1 to 200", model.nLayers);
        need(model.nHeads > 0, "model.n_heads", "at least 1", model.nHeads);
        need(
                model.dModel > 0 && model.dModel % (2 * model.nHeads) == 0,
                "model.d_model",
                "an even number for each of " + model.nHeads + " heads",
                model.dModel);
        need(
                model.nKvHeads > 0 && model.nHeads % model.nKvHeads == 0,
                "model.n_kv_heads",
                "a divisor of n_heads, " + model.nHeads,
                model.nKvHeads);
        need(model.dMlp > 0, "model.d_mlp", "at least 1", model.dMlp);
        need(model.context > 1 && model.context <= 1 << 20, "model.context", "2 to 1048576", model.context);
    }

    /** A list of numbers of updates; empty when omitted. */
    private static List<Integer> numbers(String field, List<Integer> values) {
        if (values == null) return List.of();
        need(values.stream().allMatch(Objects::nonNull), field, "numbers of updates", values);
        return List.copyOf(values);
    }

    private static void positive(String field, Integer value) {
        need(value == null || value > 0, field, "at least 1", value);
    }

    /** What of this recipe changes from update to update. */
    Schedule schedule() {
        return new Schedule(this);
    }

    private static long or(Long value, long otherwise) {
        return value == null ? otherwise : value;
    }

    private static int or(Integer value, int otherwise) {
        return value == null ? otherwise : value;
    }

    private static void need(boolean holds, String field, String expected, Object found) {
        if (holds) return;
        throw Problem.invalid("the recipe cannot be followed")
                .where(field)
                .expected(expected)
                .found(found);
    }
}
