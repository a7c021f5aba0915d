package org.llminspector.tokenize.jinja;

import java.util.HashMap;
import java.util.Map;

/** Scope of names: each loop iteration and macro call has its own, nested in the outer ones. */
final class Scope {

    private final Scope outer;
    private final Map<String, Object> values = new HashMap<>();

    Scope(Scope outer) {
        this.outer = outer;
    }

    /** Null where it is undefined. */
    Object get(String name) {
        for (Scope s = this; s != null; s = s.outer) {
            Object value = s.values.get(name);
            if (value != null) return value;
        }
        return null;
    }

    void set(String name, Object value) {
        values.put(name, value);
    }
}
