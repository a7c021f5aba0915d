package org.llminspector.tales.evaluation;

import java.util.List;
import java.util.Map;
import org.llminspector.analysis.HeadScores;

/** Results of an evaluation; every share comes with its sample size. */
public record EvaluationReport(
        Text text, Stories stories, Answers answers, Preferences preferences, Copying copying, Heads heads) {

    /**
     * Prediction of held-out stories.
     *
     * @param loss nats per token; the token that ends a story counts, the one that begins it does not
     * @param lossBound cost of the generator's own choices per token: the best possible loss is at most that
     */
    public record Text(
            int stories, long tokens, double loss, double perplexity, double bitsPerByte, double lossBound) {}

    /**
     * Continuations of held-out stories' first paragraphs.
     *
     * @param ended share of stories that end within the context
     * @param namesKept share with only names that a character in the story has
     * @param heroKept share in which the hero is named again
     * @param pronounsKept share in which pronouns keep their gender and have a possible referent
     * @param faultless share without a fault known to the proofreader
     * @param topP nucleus of a second continuation of the same stories
     * @param faultlessAtTopP the share of those without a fault
     * @param faults how many stories have each kind of fault
     * @param faultlessStrictly share without a fault known to the strict proofreader, which tracks the story's events
     * @param strictFaults how many stories have each kind of fault for that one
     * @param realFaultless the share of real held-out tales without a fault: the proofreader's own error
     * @param distinct share of sentences that occur in no other continuation
     * @param told the stories themselves, in the order of the held-out ones that they continue
     */
    public record Stories(
            int asked,
            String sampling,
            double ended,
            double namesKept,
            double heroKept,
            double pronounsKept,
            double faultless,
            double topP,
            double faultlessAtTopP,
            Map<String, Integer> faults,
            double faultlessStrictly,
            Map<String, Integer> strictFaults,
            double realFaultless,
            double distinct,
            double tokensPerStory,
            List<GeneratedStory> told) {}

    /**
     * One generated story.
     *
     * @param text the first paragraph, which it was given, and the continuation
     * @param faults the kinds found by the proofreader
     */
    public record GeneratedStory(String text, List<String> faults) {}

    /**
     * Accuracy of greedy answers about held-out stories.
     *
     * @param chat in the chat format; shares by kind, and of all
     * @param plain as plain text after the story, for base models
     * @param exact of the chat's answers, the share that is the true sentence word for word
     */
    public record Answers(int perKind, Map<String, Double> chat, Map<String, Double> plain, double exact) {}

    /**
     * How often the better of two answers is more probable.
     *
     * @param won by the sum of log-probabilities
     * @param wonPerToken by their mean, independent of length
     * @param margin mean of the better's log-probability less the worse's, nats
     */
    public record Preferences(int pairs, double won, double wonPerToken, double margin) {}

    /**
     * Loss on tokens that occur in the context already, nats per token.
     *
     * @param randomFirst random tokens, first occurrence
     * @param randomAgain the same tokens repeated in the same order
     * @param chantFirst magic words in a held-out story, first occurrence
     * @param chantAgain the same words repeated
     */
    public record Copying(double randomFirst, double randomAgain, double chantFirst, double chantAgain, int chants) {}

    /**
     * Scores of the attention heads.
     *
     * @param onRandom on repeated random tokens: the mean of the pattern's diagonal, as in TransformerLens's main demo
     * @param onChants on held-out stories, where magic words are repeated
     * @param onNames the share of a head's attention on a name's earlier mentions, from the token before the name is
     *     repeated (the name movers of Wang et al. 2022); in the order of onRandom
     * @param clear number of heads with a clear role on random tokens, which roles counts by role
     * @param clearOnStories number with a role on stories: as in onChants, or else name_mover
     * @param bestInduction the highest induction score on random tokens
     * @param bestInductionOnChants the highest on magic words
     * @param bestOnNames the highest of onNames
     */
    public record Heads(
            List<HeadScores> onRandom,
            List<HeadScores> onChants,
            List<Double> onNames,
            int clear,
            Map<String, Integer> roles,
            int clearOnStories,
            Map<String, Integer> rolesOnStories,
            double bestInduction,
            double bestInductionOnChants,
            double bestOnNames) {}
}
