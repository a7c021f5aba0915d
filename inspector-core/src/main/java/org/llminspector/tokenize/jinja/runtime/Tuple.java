package org.llminspector.tokenize.jinja.runtime;

import java.util.AbstractList;
import java.util.List;

/** Python's tuple: a list that prints with round brackets. */
public final class Tuple extends AbstractList<Object> {

    private final List<Object> items;

    public Tuple(List<Object> items) {
        this.items = items;
    }

    @Override
    public Object get(int i) {
        return items.get(i);
    }

    @Override
    public int size() {
        return items.size();
    }
}
