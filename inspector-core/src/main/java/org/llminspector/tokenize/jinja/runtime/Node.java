package org.llminspector.tokenize.jinja.runtime;

import java.util.List;

/** A part of a template: text, an output expression, or a statement. */
public interface Node {

    /** Its output. */
    String write(Interpreter in);

    /** The output of these nodes, until a break or continue. */
    static String write(List<Node> nodes, Interpreter in) {
        StringBuilder out = new StringBuilder();
        for (Node node : nodes) {
            out.append(in.made(node.write(in)));
            Interpreter.checkLength(out.length());
            if (in.loop() != null && in.loop().leaves()) break;
        }
        return out.toString();
    }
}
