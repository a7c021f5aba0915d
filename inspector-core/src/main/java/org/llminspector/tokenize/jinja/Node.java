package org.llminspector.tokenize.jinja;

import java.util.List;

/** Node is a part of a template: a text, an expression that is written, or a statement. */
interface Node {

    /** What it writes. */
    String write(Interpreter in);

    /** What these nodes write, until a break or continue. */
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
