package org.llminspector.train;

import java.util.Collections;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Predicate;

/** A recipe's learning rate, sequence length and stage in each update, and the loss weights of each document. */
record Schedule(Recipe recipe) {

    /** An update's stage; empty in the first stage. */
    private Optional<Recipe.Midtraining> stage(long step) {
        return last(stage -> stage.from() <= step);
    }

    /** The stage that begins with an update. */
    Optional<Recipe.Midtraining> beginning(long step) {
        return last(stage -> stage.from() == step);
    }

    private Optional<Recipe.Midtraining> last(Predicate<Recipe.Midtraining> which) {
        return recipe.midtraining().stream().filter(which).reduce((a, b) -> b);
    }

    /** Predicted tokens per recipe.sequence() in an update. */
    int sequence(long step) {
        if (stage(step).isEmpty()) {
            long halved = recipe.sequenceGrowth().stream()
                    .filter(until -> step < until)
                    .count();
            return recipe.sequence() >> halved;
        }
        SortedMap<Integer, Integer> since = stage(step)
                .map(Recipe.Midtraining::sequences)
                .orElse(Collections.emptySortedMap())
                .headMap(Math.toIntExact(step) + 1);
        return since.isEmpty() ? recipe.sequence() : since.get(since.lastKey());
    }

    /** Threads of one operation of an update on a CPU, where its stage sets them. */
    Optional<Integer> threads(long step) {
        return stage(step).map(Recipe.Midtraining::threads);
    }

    /** The loss weight of determined tokens in a document of the training split. */
    double determinedWeight(long document) {
        return last(stage -> document >= stage.firstDocument())
                .map(Recipe.Midtraining::determinedWeight)
                .orElse(recipe.determinedWeight());
    }

    /** Whether a document of the training split has soft labels over its author's choices. */
    boolean allChoices(long document) {
        return last(stage -> document >= stage.firstDocument())
                .map(Recipe.Midtraining::allChoices)
                .orElse(recipe.allChoices());
    }

    /**
     * The rate of an update within its stage: linear warm-up, then half a cosine to the final rate, or constant and a
     * linear decay.
     */
    double rate(long step) {
        Optional<Recipe.Midtraining> stage = stage(step);
        int from = stage.map(Recipe.Midtraining::from).orElse(0);
        int end = recipe.midtraining().stream()
                .mapToInt(Recipe.Midtraining::from)
                .filter(f -> f > from)
                .findFirst()
                .orElse(recipe.steps());
        double most = stage.map(Recipe.Midtraining::learningRate).orElse(recipe.learningRate());
        return rate(
                step - from,
                end - from,
                most,
                stage.map(Recipe.Midtraining::decaySteps).orElse(recipe.decaySteps()));
    }

    private double rate(long step, int of, double most, Integer decay) {
        if (step < recipe.warmupSteps()) return most * (step + 1) / recipe.warmupSteps();
        if (decay != null && decay == 0) return most;
        if (decay != null) {
            double left = (double) (of - 1 - step) / decay;
            return recipe.minLearningRate() + (most - recipe.minLearningRate()) * Math.min(1, left);
        }
        double done = of == recipe.warmupSteps() + 1
                ? 1
                : (double) (step - recipe.warmupSteps()) / (of - 1 - recipe.warmupSteps());
        return recipe.minLearningRate()
                + (most - recipe.minLearningRate()) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)));
    }
}
