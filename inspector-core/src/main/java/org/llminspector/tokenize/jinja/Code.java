package org.llminspector.tokenize.jinja;

/** A compiled expression. */
interface Code {

    /** Its value; Java's null where it is undefined. */
    Object run(Interpreter in);
}
