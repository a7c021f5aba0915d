package org.llminspector.tokenize.jinja.runtime;

import java.util.List;
import java.util.Map;

/** A value that a template can call: a built-in function or a macro. */
public interface Callable {
    Object call(List<Object> args, Map<String, Object> named);
}
