package org.llminspector.tokenize.jinja;

import org.llminspector.tokenize.jinja.runtime.Interpreter;

/** A compiled expression. */
interface Code {

    /** Its value; Java's null where it is undefined. */
    Object run(Interpreter in);
}
