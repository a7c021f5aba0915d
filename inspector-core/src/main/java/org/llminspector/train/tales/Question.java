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

    /** What it is about: questions that share it have the same sentence for an answer, but for yes or no. */
    String fact() {
        return kind == Kind.YES_NO ? statement.substring(key.length() + 2) : statement;
    }

    public String answer() {
        return Words.capital(statement);
    }

    /** The same sentence with a false key. */
    String falseAnswer(Dice dice) {
        return Words.capital(statement.replace(key, dice.pick(wrong)));
    }
}
