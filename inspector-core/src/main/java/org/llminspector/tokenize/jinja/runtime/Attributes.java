package org.llminspector.tokenize.jinja.runtime;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Attribute access in templates: items of dicts and lists, and a few methods. */
public final class Attributes {

    private static final Parameters GET = Parameters.positional("dict.get", "key", "default=");
    private static final Parameters ONE = Parameters.positional("a list's method", "value");

    private Attributes() {}

    /** {@code value.name}: a dict's item. */
    public static Object get(Object value, String name) {
        if (value == null) throw undefined(name);
        if (value instanceof Loop loop) return loop.get(name);
        return value instanceof Map<?, ?> m ? m.get(name) : null;
    }

    /** {@code value[key]}. */
    public static Object item(Object value, Object key) {
        if (value == null) throw undefined(Values.str(key));
        if (value instanceof Loop loop) return loop.get(Values.str(key));
        return Values.item(value, key);
    }

    public static Object call(Object value, String method, List<Object> args, Map<String, Object> named) {
        if (value == null) throw undefined(method);
        if (value instanceof Loop loop && method.equals("cycle")) return loop.cycle(args);
        if (value instanceof String s) return Strings.call(s, method, args, named);
        if (value instanceof Map<?, ?> m && !(value instanceof Namespace)) {
            switch (method) {
                case "items" -> {
                    nothing(method, args, named);
                    return items(m);
                }
                case "keys" -> {
                    nothing(method, args, named);
                    return new ArrayList<Object>(m.keySet());
                }
                case "values" -> {
                    nothing(method, args, named);
                    return new ArrayList<Object>(m.values());
                }
                case "get" -> {
                    Parameters.Given g = GET.bind(args, named);
                    Object found = m.get(g.get(0));
                    return found != null ? found : g.get(1, None.NONE);
                }
                default -> {}
            }
        }
        if (value instanceof Map<?, ?> m && m.get(method) instanceof Callable f) return f.call(args, named);
        if (value instanceof List<?> l && method.equals("index")) {
            Object wanted = ONE.bind(args, named).get(0);
            for (int i = 0; i < l.size(); i++) if (Values.equal(l.get(i), wanted)) return (long) i;
            throw new JinjaError(Values.repr(wanted) + " is not in list");
        }
        if (value instanceof List<?> l && method.equals("count")) {
            Object wanted = ONE.bind(args, named).get(0);
            return l.stream().filter(item -> Values.equal(item, wanted)).count();
        }
        throw new JinjaError("'" + Values.type(value) + " object' has no attribute '" + method + "'");
    }

    private static void nothing(String method, List<Object> args, Map<String, Object> named) {
        Parameters.positional("dict." + method).bind(args, named);
    }

    static List<Object> items(Map<?, ?> map) {
        List<Object> items = new ArrayList<>();
        map.forEach((k, v) -> items.add(new Tuple(List.of(k, v))));
        return items;
    }

    private static JinjaError undefined(String name) {
        return new JinjaError("cannot get '" + name + "' of a value that is undefined");
    }
}
