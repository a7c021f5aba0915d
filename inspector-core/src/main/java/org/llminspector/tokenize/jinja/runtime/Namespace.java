package org.llminspector.tokenize.jinja.runtime;

import java.util.LinkedHashMap;
import java.util.Map;

/** Jinja2's namespace, the only mutable value: {@code set ns.found = true}. */
public final class Namespace extends LinkedHashMap<String, Object> {

    private static final long serialVersionUID = 1L;

    Namespace(Map<String, Object> values) {
        super(values);
    }
}
