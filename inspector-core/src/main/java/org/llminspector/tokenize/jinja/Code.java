package org.llminspector.tokenize.jinja;

/** Code is an expression, ready to be evaluated. */
interface Code {

    /** Its value; Java's null where it is undefined. */
    Object run(Interpreter in);
}
