package org.llminspector.tokenize.jinja.runtime;

import java.util.HashMap;
import java.util.Map;

/** Scope of names: each loop iteration and macro call has its own, nested in the outer ones. */
public final class Scope {

    private final Scope outer;
    private final Map<String, Object> values = new HashMap<>();

    public Scope(Scope outer) {
        this.outer = outer;
    }

    /** Null where it is undefined. */
    public Object get(String name) {
        for (Scope s = this; s != null; s = s.outer) {
            Object value = s.values.get(name);
            if (value != null) return value;
        }
        return null;
    }

    public void set(String name, Object value) {
        values.put(name, value);
    }
}
