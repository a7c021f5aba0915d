package org.llminspector.engine.onnx.graph;

import java.util.ArrayList;
import java.util.List;

/** Attributes of an ONNX node. */
public final class Attributes {

    private static final int FLOAT = 1;
    private static final int INT = 2;
    private static final int STRING = 3;
    private static final int GRAPH = 5;
    private static final int INTS = 7;

    final List<Proto> messages = new ArrayList<>();

    public Attributes with(String name, long value) {
        return add(new Proto().text(1, name).number(3, value).number(20, INT));
    }

    public Attributes with(String name, float value) {
        return add(new Proto().text(1, name).real(2, value).number(20, FLOAT));
    }

    public Attributes with(String name, String value) {
        return add(new Proto().text(1, name).text(4, value).number(20, STRING));
    }

    public Attributes with(String name, long... values) {
        return add(new Proto().text(1, name).numbers(8, values).number(20, INTS));
    }

    Attributes with(String name, Proto graph) {
        return add(new Proto().text(1, name).message(6, graph).number(20, GRAPH));
    }

    private Attributes add(Proto message) {
        messages.add(message);
        return this;
    }
}
