package org.llminspector.tales.question;

import java.util.List;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Words;

/**
 * A question about a story with its only correct answer.
 *
 * @param statement the answer as a whole sentence, without its capital
 * @param key the words of the answer that decide whether it is correct
 * @param wrong replacements of the key from this story that make it false
 */
public record Question(Kind kind, String text, String statement, String key, List<String> wrong) {

    /** What is asked for. */
    public enum Kind {
        WHO,
        WHAT,
        WHERE,
        HOW_MANY,
        FEELING,
        YES_NO,
        SAY,
        WHY
    }

    /**
     * The end of an answer to a yes-or-no question. The fact comes first, as a model can only attend to what it has
     * already written: asked for yes or no at once, it guessed.
     */
    public static String verdict(boolean yes) {
        return yes ? "so yes" : "so no";
    }

    /** The question's fact: questions that share it have the same answer, apart from yes or no. */
    public String fact() {
        return kind == Kind.YES_NO ? statement.substring(0, statement.length() - key.length() - 3) + "." : statement;
    }

    /** The answer with Yes or No before the fact: the form in the tokenizer's texts and the first quizzes. */
    public String verdictFirst() {
        return kind == Kind.YES_NO ? (key.equals(verdict(true)) ? "Yes, " : "No, ") + fact() : answer();
    }

    public String answer() {
        return Words.capital(statement);
    }

    /** The answer with a false key. */
    public String falseAnswer(ChoiceSource dice) {
        return Words.capital(statement.replace(key, dice.pick(wrong)));
    }
}
