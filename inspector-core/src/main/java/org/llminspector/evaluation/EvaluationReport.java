package org.llminspector.evaluation;

import java.util.List;
import java.util.Map;
import org.llminspector.analysis.HeadScores;

/** EvaluationReport is what an evaluation found; every number says of how many it is a share. */
public record EvaluationReport(
        Text text, Stories stories, Answers answers, Preferences preferences, Copying copying, Heads heads) {

    /**
     * Text is how well held-out stories are predicted.
     *
     * @param loss nats a token; the token that ends a story counts, the one that begins it does not
     * @param lossBound what the generator's own choices cost a token: the best loss possible is at most that
     */
    public record Text(
            int stories, long tokens, double loss, double perplexity, double bitsPerByte, double lossBound) {}

    /**
     * Stories is how well the model goes on from a held-out story's first paragraph.
     *
     * @param ended shares of stories that came to an end within the context
     * @param namesKept only names that somebody in the story has
     * @param heroKept the hero is named again
     * @param pronounsKept nobody changes from he to she, and every he and she can be somebody
     * @param faultless no fault that the proofreader knows
     * @param topP of a second telling of the same stories, from the tokens that hold so much of the probability
     * @param faultlessAtTopP the share that has no fault there
     * @param faults how many stories have each kind of fault
     * @param faultlessStrictly no fault that the strict proofreader knows either, who remembers what the story told
     * @param strictFaults how many stories have each kind of fault for that one
     * @param realFaultless the same share of real held-out tales: what the proofreader leaves of them
     * @param distinct shares of sentences said that no other continuation says
     * @param told the stories themselves, in the order of the held-out ones that they begin as
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
            List<Told> told) {}

    /**
     * Told is one story as the model told it.
     *
     * @param text the first paragraph, which it was given, and what it added
     * @param faults what the proofreader found, by kind
     */
    public record Told(String text, List<String> faults) {}

    /**
     * Answers is how many questions about held-out stories are answered right, greedily.
     *
     * @param chat asked in the chat's layout; shares by kind, and of all
     * @param plain asked as plain text after the story, as a base model can be
     * @param exact of the chat's answers, the share that is the true sentence word for word
     */
    public record Answers(int perKind, Map<String, Double> chat, Map<String, Double> plain, double exact) {}

    /**
     * Preferences is how often the better of two answers is more probable.
     *
     * @param won by the sum of log-probabilities
     * @param wonPerToken by their mean: length does not count
     * @param margin log-probability of the better less that of the worse, on average, nats
     */
    public record Preferences(int pairs, double won, double wonPerToken, double margin) {}

    /**
     * Copying is what the model pays for tokens that it has seen before, nats a token.
     *
     * @param randomFirst random tokens, said for the first time
     * @param randomAgain the same tokens in the same order again
     * @param chantFirst magic words in a held-out story, said for the first time
     * @param chantAgain the same words, said again
     */
    public record Copying(double randomFirst, double randomAgain, double chantFirst, double chantAgain, int chants) {}

    /**
     * Heads is what each attention head does.
     *
     * @param onRandom on random tokens said twice: the mean of the pattern's diagonal, as in TransformerLens's main demo
     * @param onChants on held-out stories, where magic words are said again
     * @param onNames the share of a head's attention that goes to a name's earlier mentions, from the token before the
     *     name is said again (the name movers of Wang et al. 2022); in the order of onRandom
     * @param clear how many heads have a clear role on random tokens, and which
     * @param clearOnStories how many have one on stories: as in onChants, or else name_mover
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
