package org.llminspector.tokenize.jinja;

import java.util.List;
import java.util.Map;
import org.llminspector.tokenize.jinja.runtime.Callable;
import org.llminspector.tokenize.jinja.runtime.Interpreter;
import org.llminspector.tokenize.jinja.runtime.JinjaError;
import org.llminspector.tokenize.jinja.runtime.Node;
import org.llminspector.tokenize.jinja.runtime.Scope;

/**
 * A template's macro, a lexically scoped function.
 *
 * @param parameters their names and defaults, which may be undefined
 * @param home the scope of its definition
 */
record Macro(String name, Map<String, Code> parameters, List<Node> body, Scope home, Interpreter in)
        implements Callable {

    @Override
    public Object call(List<Object> args, Map<String, Object> named) {
        if (args.size() > parameters.size()) {
            throw new JinjaError("macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
        }
        Scope inner = new Scope(home);
        return in.call(inner, () -> {
            int i = 0;
            for (Map.Entry<String, Code> p : parameters.entrySet()) {
                Object value;
                if (i < args.size()) value = args.get(i);
                else if (named.containsKey(p.getKey())) value = named.get(p.getKey());
                else value = p.getValue().run(in);
                inner.set(p.getKey(), value);
                i++;
            }
            for (String other : named.keySet()) {
                if (!parameters.containsKey(other)) {
                    throw new JinjaError("macro '" + name + "' takes no keyword argument '" + other + "'");
                }
            }
            return Node.write(body, in);
        });
    }
}
