package org.llminspector.tokenize.jinja;

/**
 * Lexical token of a template.
 *
 * @param text the value of a text or string; for other kinds, the source
 * @param line where it begins, from 1
 */
record Token(Kind kind, String text, int line) {

    /** The kind of a token. */
    enum Kind {
        /** Literal output. */
        TEXT,
        /** Start of an output expression. */
        VALUE,
        /** Start of a statement. */
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
