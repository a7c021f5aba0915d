package org.llminspector.tokenize.jinja;

import java.util.List;
import java.util.Map;

/** Callable is what a template can call by its name: a function of ours, or a macro of its own. */
interface Callable {
    Object call(List<Object> args, Map<String, Object> named);
}
