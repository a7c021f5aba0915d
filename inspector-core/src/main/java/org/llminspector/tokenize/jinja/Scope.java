package org.llminspector.tokenize.jinja;

import java.util.HashMap;
import java.util.Map;

/** Scope is where names live: a loop's turn and a macro's call have their own, and see the ones around them. */
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
