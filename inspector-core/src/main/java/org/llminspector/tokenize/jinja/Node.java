package org.llminspector.tokenize.jinja;

/** Node is a part of a template: a text, an expression that is written, or a statement. */
interface Node {

    /** What it writes. */
    String write(Interpreter in);
}
