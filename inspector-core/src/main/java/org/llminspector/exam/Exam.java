package org.llminspector.exam;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.tales.Tales;
import org.llminspector.train.tales.TalesChat;

/** Exam is the room's entry: all parts, one after the other. */
public final class Exam {

    /**
     * Size is how much is asked.
     *
     * @param seed of the tales
     * @param stories held-out stories: predicted, gone on from, and read for their magic words
     * @param questionsPerKind of each of the eight kinds
     * @param pairs of better and worse answers
     */
    public record Size(long seed, int stories, int questionsPerKind, int pairs) {

        /** What the model cards report. */
        public static final Size FULL = new Size(1, 200, 400, 200);

        public Size {
            if (stories < 1 || questionsPerKind < 1 || pairs < 1) {
                throw Problem.invalid("an exam needs at least one question of every part")
                        .where("exam")
                        .expected("at least 1 story, question and pair")
                        .found(stories + ", " + questionsPerKind + " and " + pairs);
            }
        }
    }

    private Exam() {}

    /**
     * Examines a model. Takes minutes for {@link Size#FULL}; nothing else is done with the engine meanwhile.
     *
     * @param progress hears what is being asked
     * @param cancelled asked between questions; true ends the exam with a Problem
     */
    public static ExamReport of(
            InspectorEngine engine,
            Tokenizer tokenizer,
            Size size,
            Consumer<String> progress,
            BooleanSupplier cancelled) {
        Examinee model = new Examinee(engine, tokenizer, cancelled);
        Tales tales = new Tales(size.seed());
        TalesChat chat = new TalesChat(size.seed());
        progress.accept("reading held-out stories");
        ExamReport.Text text = TextExam.run(model, tales, size.stories());
        progress.accept("scoring heads");
        HeadExam.Found heads = HeadExam.run(model, tales, size.stories());
        progress.accept("weighing better against worse answers");
        ExamReport.Preferences preferences = PreferenceExam.run(model, chat, size.pairs());
        progress.accept("answering questions");
        ExamReport.Answers answers = AnswerExam.run(model, chat, size.questionsPerKind());
        progress.accept("telling stories");
        ExamReport.Stories stories = StoryExam.run(model, tales, size.stories());
        return new ExamReport(text, stories, answers, preferences, heads.copying(), heads.heads());
    }
}
