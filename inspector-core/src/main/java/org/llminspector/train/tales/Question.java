package org.llminspector.train.tales;

import java.util.List;

/**
 * Question is something to ask about a story, with its only right answer.
 *
 * @param statement the answer as a whole sentence, but for its capital
 * @param key the words in the answer that decide whether it is right
 * @param wrong what might stand in their place in this story, and would be false
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
     * What ends the answer to a yes-or-no question. The fact stands before it, for a model cannot look back at what it has
     * not yet said: asked for yes or no at once, it guessed.
     */
    static String verdict(boolean yes) {
        return yes ? "so yes" : "so no";
    }

    /** What it is about: questions that share it have the same sentence for an answer, but for yes or no. */
    String fact() {
        return kind == Kind.YES_NO ? statement.substring(0, statement.length() - key.length() - 3) + "." : statement;
    }

    /** The answer with Yes or No before the fact: what the tokenizer and the first quizzes were made of. */
    String verdictFirst() {
        return kind == Kind.YES_NO ? (key.equals(verdict(true)) ? "Yes, " : "No, ") + fact() : answer();
    }

    public String answer() {
        return Words.capital(statement);
    }

    /** The same sentence with a false key. */
    String falseAnswer(Dice dice) {
        return Words.capital(statement.replace(key, dice.pick(wrong)));
    }
}
