package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.tokenize.Tokenizer;

/** What a tuned model rehearses counts as often as its recipe says. */
class RehearsalTest {

    private static final Path TOKENIZER = Path.of("src/test/resources/tokenizers/spm");
    private static final Corpus CORPUS =
            (split, index) -> index % 2 == 0 ? "Ann has a ball." : "Who has it? Bob has it.";

    private static Recipe tuning(Double weight, int documents) {
        return RecipeBuilder.builder()
                .name("tuned")
                .task(Recipe.Task.INSTRUCT)
                .base("x")
                .corpus("chat")
                .batch(2)
                .microBatch(2)
                .steps(1)
                .learningRate(1e-3)
                .rehearsal(documents)
                .rehearsalWeight(weight)
                .build();
    }

    private static float[] gradient(Learner learner, Documents documents, Recipe recipe) {
        learner.clearGradient();
        documents.rehearse(learner, recipe.checked(), 0);
        return learner.gradient().toFloats();
    }

    @Test
    void itsGradientCountsAsOftenAsTheRecipeSays() throws IOException {
        Recipe.Shape shape = new Recipe.Shape(32, 2, 4, 2, 48, 64, 10_000.0, 1e-5);
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER).orElseThrow();
                Learner learner = TorchLearner.open(LlamaFolder.spec(shape, 320), "cpu")) {
            Tensor weights = Trainer.firstWeights(learner.parameters(), 2, 3, 0.02);
            learner.setWeights(weights);
            Documents documents = new Documents(CORPUS, tokenizer, 0);
            float[] plain = gradient(learner, documents, tuning(null, 3));
            float[] weighted = gradient(learner, documents, tuning(20.0, 3));
            double longest = IntStream.range(0, plain.length)
                    .mapToDouble(i -> Math.abs(plain[i]))
                    .max()
                    .orElseThrow();
            assertThat(longest).isGreaterThan(1e-3);
            for (int i = 0; i < plain.length; i++) {
                assertThat((double) weighted[i]).isCloseTo(20.0 * plain[i], within(20e-5 * longest));
            }
        }
    }

    @Test
    void aWeightOfNothingIsRefused() {
        for (Recipe wrong : new Recipe[] {tuning(0.0, 3), tuning(-1.0, 3), tuning(20.0, 0)}) {
            assertThatThrownBy(wrong::checked).isInstanceOf(Problem.class).hasMessageContaining("rehearsal_weight");
        }
        assertThat(tuning(null, 0).checked().rehearsalWeight()).isEqualTo(1.0);
    }
}
