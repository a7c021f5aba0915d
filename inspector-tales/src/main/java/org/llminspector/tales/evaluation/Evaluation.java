package org.llminspector.tales.evaluation;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.tokenize.Tokenizer;

/** Runs all parts of the evaluation. */
public final class Evaluation {

    /**
     * The sample sizes.
     *
     * @param seed of the tales
     * @param stories held-out stories: scored, continued, and searched for their magic words
     * @param questionsPerKind of each of the eight kinds
     * @param pairs of better and worse answers
     */
    public record Size(long seed, int stories, int questionsPerKind, int pairs) {

        /** What the model cards report. */
        public static final Size FULL = new Size(1, 200, 400, 200);

        public Size {
            if (stories < 1 || questionsPerKind < 1 || pairs < 1) {
                throw Problem.invalid("an evaluation needs at least one question of every part")
                        .where("evaluation")
                        .expected("at least 1 story, question and pair")
                        .found(stories + ", " + questionsPerKind + " and " + pairs);
            }
        }
    }

    private Evaluation() {}

    /**
     * Evaluates a model. Takes minutes for {@link Size#FULL}, and uses the engine exclusively.
     *
     * @param progress receives each part's progress
     * @param cancelled checked between questions; true ends the evaluation with a Problem
     */
    public static EvaluationReport of(
            InspectorEngine engine,
            Tokenizer tokenizer,
            Size size,
            Consumer<String> progress,
            BooleanSupplier cancelled) {
        EvaluatedModel model = new EvaluatedModel(engine, tokenizer, cancelled);
        Tales tales = new Tales(size.seed());
        TalesChat chat = new TalesChat(size.seed());
        progress.accept("reading held-out stories");
        EvaluationReport.Text text = TextEvaluation.run(model, tales, size.stories());
        progress.accept("scoring heads");
        HeadEvaluation.Found heads = HeadEvaluation.run(model, tales, size.stories());
        progress.accept("weighing better against worse answers");
        EvaluationReport.Preferences preferences = PreferenceEvaluation.run(model, chat, size.pairs());
        progress.accept("answering questions");
        EvaluationReport.Answers answers = AnswerEvaluation.run(model, chat, size.questionsPerKind());
        progress.accept("telling stories");
        EvaluationReport.Stories stories = StoryEvaluation.run(model, tales, size.stories());
        return new EvaluationReport(text, stories, answers, preferences, heads.copying(), heads.heads());
    }
}
