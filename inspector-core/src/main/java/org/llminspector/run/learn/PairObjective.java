package org.llminspector.run.learn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.engine.Learner;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.train.MaskedConversation;
import org.llminspector.train.PreferredPair;

/** Direct preference optimization: raises one answer over another relative to the learner's initial model. */
final class PairObjective implements UpdateObjective {

    private final double beta;
    private final int prompt;
    private final List<Token> chosen;
    private final List<Token> rejected;
    private final PreferredPair pair;
    private PreferredPair.Scores reference;
    private PreferredPair.Scores before;

    private PairObjective(double beta, int[] prompt, List<Token> chosen, List<Token> rejected) {
        this.beta = beta;
        this.prompt = prompt.length;
        this.chosen = chosen;
        this.rejected = rejected;
        this.pair = new PreferredPair(prompt, ids(chosen), ids(rejected));
    }

    private static int[] ids(List<Token> tokens) {
        return tokens.stream().mapToInt(Token::id).toArray();
    }

    /** @param asked the step's prompt as a run request */
    static PairObjective of(LearnerStep step, RunRequest asked, ModelFolder folder) {
        if (step.from() != null) {
            throw Problem.invalid("of two answers every token counts")
                    .where("from")
                    .expected("none beside preference")
                    .found(step.from());
        }
        List<Token> before = Prompt.of(asked, folder).tokens();
        LearnerStep.Preferred p = step.preference();
        List<Token> chosen = answer(p.chosen(), "chosen", asked, before, folder);
        List<Token> rejected = answer(p.rejected(), "rejected", asked, before, folder);
        if (Arrays.equals(ids(chosen), ids(rejected))) {
            throw Problem.invalid("there is nothing to choose between")
                    .where("preference.rejected")
                    .expected("another answer than the chosen one");
        }
        return new PairObjective(p.strength(), ids(before), chosen, rejected);
    }

    private static List<Token> answer(
            LearnerStep.Reply reply, String name, RunRequest asked, List<Token> before, ModelFolder folder) {
        String where = "preference." + name;
        if (reply == null || (reply.text() == null) == (reply.tokens() == null)) {
            throw Problem.invalid("an answer is a text or tokens")
                    .where(where)
                    .expected("exactly one of text and tokens");
        }
        List<Token> answer = reply.tokens() != null
                ? tokens(Prompt.inVocabulary(reply.tokens(), folder.spec().vocab(), where + ".tokens"), folder)
                : asked.messages() == null
                        ? tokens(Prompt.following(before, reply.text(), folder), folder)
                        : inChat(asked.messages(), reply.text(), before, folder);
        if (answer.isEmpty()) {
            throw Problem.invalid("the answer is empty").where(where).expected("at least one token");
        }
        int most = folder.spec().maxContext() + 1; // the last token is not read
        if (before.size() + answer.size() <= most) return answer;
        throw Problem.tooLarge("prompt and answer are longer than the model's context")
                .where(where)
                .expected("at most " + Plural.of(most, "token"))
                .found(Plural.of(before.size() + answer.size(), "token"));
    }

    private static List<Token> tokens(List<Integer> ids, ModelFolder folder) {
        return ids.stream().map(folder::token).toList();
    }

    /** As supervised fine-tuning formats it, with the end token. */
    private static List<Token> inChat(List<Message> asked, String text, List<Token> before, ModelFolder folder) {
        List<Message> whole = new ArrayList<>(asked);
        whole.add(new Message("assistant", text));
        MaskedConversation lesson = LessonRequest.lesson(LessonRequest.exchanges(whole, "messages"), folder);
        int from = lesson.lastAnswer();
        if (from == before.size())
            return lesson.tokens().subList(from, lesson.tokens().size());
        throw Problem.unsupported("the chat template writes the question otherwise once it is answered")
                .where(folder.slug())
                .instead("give the answers as tokens");
    }

    @Override
    public void begin(Learner learner, Function<PreferredPair, PreferredPair.Scores> scores) {
        reference = scores.apply(pair);
        before = pair.score(learner);
    }

    @Override
    public double loss(Learner learner) {
        return PreferredPair.loss(beta, pair.score(learner), reference);
    }

    @Override
    public void accumulate(Learner learner) {
        pair.accumulate(learner, beta, pair.score(learner), reference);
    }

    @Override
    public LearnerStep.PreferenceChange end(Learner learner) {
        PreferredPair.Scores after = pair.score(learner);
        double then = reference.difference();
        return new LearnerStep.PreferenceChange(
                beta,
                change(chosen, reference.chosen(), before.chosen(), after.chosen()),
                change(rejected, reference.rejected(), before.rejected(), after.rejected()),
                beta * (before.difference() - then),
                beta * (after.difference() - then));
    }

    private LearnerStep.ReplyChange change(List<Token> tokens, double[] then, double[] was, double[] is) {
        List<LearnerStep.TokenChange> byToken = new ArrayList<>();
        for (int i = 0; i < is.length; i++) byToken.add(new LearnerStep.TokenChange(then[i], was[i], is[i]));
        double reference = Arrays.stream(then).sum();
        double before = Arrays.stream(was).sum();
        double after = Arrays.stream(is).sum();
        return new LearnerStep.ReplyChange(
                prompt,
                tokens,
                reference,
                before,
                after,
                beta * (before - reference),
                beta * (after - reference),
                byToken);
    }
}
