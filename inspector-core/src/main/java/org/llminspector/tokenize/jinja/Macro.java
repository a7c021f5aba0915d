package org.llminspector.tokenize.jinja;

import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Macro is a function that a template writes. It sees the names of where it stands, not of where it is called.
 *
 * @param parameters their names and defaults, null where there is none
 */
record Macro(String name, Map<String, String> parameters, List<Node> body, Scope home, int line) implements Callable {

    static Macro of(TagNode node, Interpreter in) {
        String helpers = node.getHelpers().strip();
        int open = helpers.indexOf('(');
        if (open < 0 || !helpers.endsWith(")")) {
            throw new JinjaError("Expected the parameters of a macro", node.getLineNumber(), false);
        }
        Map<String, String> parameters = new LinkedHashMap<>();
        for (String part : Text.parts(helpers.substring(open + 1, helpers.length() - 1))) {
            int is = part.indexOf('=');
            parameters.put((is < 0 ? part : part.substring(0, is)).strip(), is < 0 ? null : part.substring(is + 1));
        }
        String name = Text.names(helpers.substring(0, open))[0];
        return new Macro(name, parameters, node.getChildren(), in.scope(), node.getLineNumber());
    }

    @Override
    public Object call(List<Object> args, Map<String, Object> named) {
        if (args.size() > parameters.size()) {
            throw new JinjaError("macro '" + name + "' takes not more than " + parameters.size() + " argument(s)");
        }
        Interpreter in = Interpreter.current();
        Scope inner = new Scope(home);
        return in.call(inner, () -> {
            int i = 0;
            for (Map.Entry<String, String> p : parameters.entrySet()) {
                Object value = null;
                if (i < args.size()) value = args.get(i);
                else if (named.containsKey(p.getKey())) value = named.get(p.getKey());
                else if (p.getValue() != null) value = in.resolveELExpression(p.getValue(), line);
                inner.set(p.getKey(), value);
                i++;
            }
            for (String other : named.keySet()) {
                if (!parameters.containsKey(other)) {
                    throw new JinjaError("macro '" + name + "' takes no keyword argument '" + other + "'");
                }
            }
            return in.write(body);
        });
    }
}
