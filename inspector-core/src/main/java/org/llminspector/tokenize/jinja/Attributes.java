package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Attributes are all that a template can reach of a value: items of dicts and lists, and a few methods. */
final class Attributes {

    private Attributes() {}

    /** {@code value.name}: a dict's item. */
    static Object get(Object value, String name) {
        if (value == null) throw undefined(name);
        if (value instanceof Loop loop) return loop.get(name);
        return value instanceof Map<?, ?> m ? m.get(name) : null;
    }

    /** {@code value[key]}. */
    static Object item(Object value, Object key) {
        if (value == null) throw undefined(Values.str(key));
        if (value instanceof Loop loop) return loop.get(Values.str(key));
        return Values.item(value, key);
    }

    static Object call(Object value, String method, List<Object> args, Map<String, Object> named) {
        if (value == null) throw undefined(method);
        if (value instanceof Loop loop && method.equals("cycle")) return loop.cycle(args);
        if (value instanceof String s) return Strings.call(s, method, args, named);
        if (value instanceof Map<?, ?> m && !(value instanceof Namespace)) {
            switch (method) {
                case "items" -> {
                    return items(m);
                }
                case "keys" -> {
                    return new ArrayList<Object>(m.keySet());
                }
                case "values" -> {
                    return new ArrayList<Object>(m.values());
                }
                case "get" -> {
                    Object found = m.get(args.get(0));
                    return found != null ? found : args.size() > 1 ? args.get(1) : None.NONE;
                }
                default -> {}
            }
        }
        if (value instanceof Map<?, ?> m && m.get(method) instanceof Callable f) return f.call(args, named);
        if (value instanceof List<?> l && method.equals("index")) {
            for (int i = 0; i < l.size(); i++) if (Values.equal(l.get(i), args.get(0))) return (long) i;
            throw new JinjaError(Values.repr(args.get(0)) + " is not in list");
        }
        if (value instanceof List<?> l && method.equals("count")) {
            return (long) Collections.frequency(l, args.get(0));
        }
        throw new JinjaError("'" + Values.type(value) + " object' has no attribute '" + method + "'");
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
