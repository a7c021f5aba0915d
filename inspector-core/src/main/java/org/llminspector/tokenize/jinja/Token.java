package org.llminspector.tokenize.jinja;

/**
 * Token is the smallest piece of a template that means something.
 *
 * @param text a text or a string as it is meant; of all others, what stands in the template
 * @param line where it begins, from 1
 */
record Token(Kind kind, String text, int line) {

    /** Kind is what a token is. */
    enum Kind {
        /** What is written as it stands. */
        TEXT,
        /** An expression begins that is written. */
        VALUE,
        /** A statement begins. */
        STATEMENT,
        NAME,
        STRING,
        INTEGER,
        FLOAT,
        OPERATOR,
        /** The end of an expression or statement, or of the template. */
        END
    }
}
