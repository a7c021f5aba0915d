package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Filters are Jinja2's, as jinja2/filters.py has them, and transformers' tojson. */
final class Filters {

    private interface Filter {
        Object of(Object value, List<Object> args, Map<String, Object> named);
    }

    private static final Map<String, Filter> ALL = new HashMap<>();

    static {
        ALL.put("tojson", (v, a, n) -> PyJson.write(v, a, n));
        ALL.put(
                "trim",
                (v, a, n) -> a.isEmpty() ? Strings.strip(Values.str(v)) : Strings.call(Values.str(v), "strip", a, n));
        ALL.put("length", (v, a, n) -> Values.length(v));
        ALL.put("count", (v, a, n) -> Values.length(v));
        ALL.put("upper", (v, a, n) -> Values.str(v).toUpperCase(Locale.ROOT));
        ALL.put("lower", (v, a, n) -> Values.str(v).toLowerCase(Locale.ROOT));
        ALL.put("capitalize", (v, a, n) -> Strings.capitalize(Values.str(v)));
        ALL.put("title", (v, a, n) -> Strings.title(Values.str(v)));
        ALL.put("string", (v, a, n) -> Values.str(v));
        ALL.put("safe", (v, a, n) -> Values.str(v));
        ALL.put("default", Filters::otherwise);
        ALL.put("d", Filters::otherwise);
        ALL.put("join", Filters::join);
        ALL.put("list", (v, a, n) -> new ArrayList<>(Values.iterate(v)));
        ALL.put("items", (v, a, n) -> v == null ? List.of() : Attributes.items((Map<?, ?>) v));
        ALL.put(
                "first",
                (v, a, n) ->
                        Values.iterate(v).isEmpty() ? null : Values.iterate(v).get(0));
        ALL.put("last", (v, a, n) -> last(Values.iterate(v)));
        ALL.put("reverse", (v, a, n) -> Values.reversed(v));
        ALL.put(
                "replace",
                (v, a, n) -> Strings.replace(
                        Values.str(v),
                        Values.str(a.get(0)),
                        Values.str(a.get(1)),
                        a.size() > 2 ? Values.integer(a.get(2)) : -1));
        ALL.put(
                "abs",
                (v, a, n) -> Values.integral(v) ? (Object) Math.abs(Values.integer(v)) : Math.abs(Values.real(v)));
        ALL.put("int", (v, a, n) -> integer(v, a));
        ALL.put("sort", (v, a, n) -> sorted(v, n));
        ALL.put("unique", (v, a, n) -> unique(v));
        ALL.put("map", Filters::map);
        ALL.put("select", (v, a, n) -> select(v, null, a, true));
        ALL.put("reject", (v, a, n) -> select(v, null, a, false));
        ALL.put("selectattr", (v, a, n) -> select(v, (String) a.get(0), a.subList(1, a.size()), true));
        ALL.put("rejectattr", (v, a, n) -> select(v, (String) a.get(0), a.subList(1, a.size()), false));
        ALL.put("indent", Filters::indent);
    }

    private Filters() {}

    static Object apply(String name, Object value, List<Object> args, Map<String, Object> named) {
        Filter filter = ALL.get(name);
        if (filter == null) throw new JinjaError("the filter '" + name + "' is not supported");
        return filter.of(value, args, named);
    }

    private static Object otherwise(Object v, List<Object> args, Map<String, Object> named) {
        Object other = args.isEmpty() ? named.getOrDefault("default_value", "") : args.get(0);
        boolean falsy = Values.truth(args.size() > 1 ? args.get(1) : named.get("boolean"));
        return v == null || (falsy && !Values.truth(v)) ? other : v;
    }

    private static Object join(Object v, List<Object> args, Map<String, Object> named) {
        Object by = args.isEmpty() ? named.getOrDefault("d", "") : args.get(0);
        Object attribute = args.size() > 1 ? args.get(1) : named.get("attribute");
        List<Object> parts = new ArrayList<>();
        for (Object item : Values.iterate(v)) {
            parts.add(Values.str(attribute == null ? item : attribute(item, (String) attribute)));
        }
        return Strings.join(Values.str(by), parts);
    }

    private static Object last(List<Object> items) {
        return items.isEmpty() ? null : items.get(items.size() - 1);
    }

    private static Object integer(Object v, List<Object> args) {
        try {
            if (v instanceof String s) return Long.valueOf(Strings.strip(s));
            if (Values.isNumber(v)) return Values.integral(v) ? Values.integer(v) : (long) Values.real(v);
        } catch (NumberFormatException e) {
            // as in Jinja2, what is no number is the default
        }
        return args.isEmpty() ? (Object) 0L : args.get(0);
    }

    private static Object sorted(Object v, Map<String, Object> named) {
        String by = (String) named.get("attribute");
        List<Object> items = new ArrayList<>(Values.iterate(v));
        items.sort((a, b) -> Values.compare(key(a, by), key(b, by)));
        if (Values.truth(named.get("reverse"))) Collections.reverse(items);
        return items;
    }

    private static Object key(Object item, String attribute) {
        Object key = attribute == null ? item : attribute(item, attribute);
        return key instanceof String s ? s.toLowerCase(Locale.ROOT) : key;
    }

    private static Object unique(Object v) {
        Map<Object, Object> seen = new LinkedHashMap<>();
        for (Object item : Values.iterate(v)) seen.putIfAbsent(key(item, null), item);
        return new ArrayList<>(seen.values());
    }

    private static Object map(Object v, List<Object> args, Map<String, Object> named) {
        List<Object> out = new ArrayList<>();
        for (Object item : Values.iterate(v)) {
            if (!named.containsKey("attribute")) {
                out.add(apply((String) args.get(0), item, args.subList(1, args.size()), named));
                continue;
            }
            Object found = attribute(item, (String) named.get("attribute"));
            out.add(found == null ? named.get("default") : found);
        }
        return out;
    }

    private static Object select(Object v, String attribute, List<Object> args, boolean wanted) {
        List<Object> out = new ArrayList<>();
        for (Object item : Values.iterate(v)) {
            Object value = attribute == null ? item : attribute(item, attribute);
            boolean is = args.isEmpty()
                    ? Values.truth(value)
                    : Tests.apply((String) args.get(0), value, args.size() > 1 ? args.get(1) : null);
            if (is == wanted) out.add(item);
        }
        return out;
    }

    /** {@code a.b} goes down. */
    private static Object attribute(Object item, String path) {
        Object value = item;
        for (String name : path.split("\\.", -1)) value = value instanceof Map<?, ?> m ? m.get(name) : null;
        return value;
    }

    private static Object indent(Object v, List<Object> args, Map<String, Object> named) {
        Object width = args.isEmpty() ? named.getOrDefault("width", 4L) : args.get(0);
        boolean first = Values.truth(args.size() > 1 ? args.get(1) : named.get("first"));
        boolean blank = Values.truth(args.size() > 2 ? args.get(2) : named.get("blank"));
        String by =
                width instanceof String s ? s : " ".repeat((int) Math.min(1000, Math.max(0, Values.integer(width))));
        String[] lines = Values.str(v).split("\n", -1);
        Interpreter.checkLength((long) lines.length * by.length());
        for (int i = first ? 0 : 1; i < lines.length; i++) {
            if (blank || !lines[i].isEmpty()) lines[i] = by + lines[i];
        }
        return String.join("\n", lines);
    }
}
