package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Corpus.Choice;
import org.llminspector.train.Corpus.Split;

class AlternativesTest {

    /** Every drawn word of the tales is known by its first token, and so is what it was drawn from. */
    @Test
    void eachChoiceStandsAtItsWordsToken() {
        Tales tales = new Tales(1);
        try (Tokenizer tokenizer =
                Tokenizer.open(Path.of("../model-cache/tales-4m")).orElseThrow()) {
            Alternatives alternatives = new Alternatives(tokenizer);
            int seen = 0;
            for (long i = 600_000; i < 600_200; i++) {
                String text = tales.document(Split.TRAIN, i);
                List<Choice> choices = tales.choices(Split.TRAIN, i);
                List<Token> tokens = tokenizer.encode(text, true);
                int[][] all = alternatives.of(text, tokens, choices);
                assertThat(all.length).isEqualTo(tokens.size());
                assertThat(Arrays.stream(all).filter(a -> a != null)).hasSize(choices.size());
                int next = 0;
                for (int t = 0; t < all.length; t++) {
                    if (all[t] == null) continue;
                    Choice choice = choices.get(next++);
                    assertThat(all[t])
                            .hasSize(choice.drawnFrom().size())
                            .contains(tokens.get(t).id());
                    assertThat(tokens.get(t).start())
                            .isLessThanOrEqualTo(choice.word().from());
                    assertThat(tokens.get(t).end()).isGreaterThan(choice.word().from());
                    seen++;
                }
            }
            assertThat(seen).isGreaterThan(1000);
            assertThat(alternatives.of("", List.of(), List.of())).isEmpty();
        }
    }
}
