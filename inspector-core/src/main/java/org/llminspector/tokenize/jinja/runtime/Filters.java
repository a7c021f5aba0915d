package org.llminspector.tokenize.jinja.runtime;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.llminspector.tokenize.jinja.runtime.Parameters.Given;

/** Jinja2's filters with all arguments of jinja2/filters.py, and transformers' tojson. */
public final class Filters {

    private interface Filter {
        Object of(Object value, List<Object> args, Map<String, Object> named);
    }

    private static final Map<String, Filter> ALL = new HashMap<>();

    /** Limit of an indent's width. */
    private static final int MAX_WIDTH = 100_000;

    static {
        put("tojson", PyJson::write, "ensure_ascii=", "indent=", "separators=", "sort_keys=");
        put("trim", (v, g) -> Strings.strip(Values.str(v), g.some(0) ? g.text(0) : null), "chars=");
        put("length", (v, g) -> Values.length(v));
        put("count", (v, g) -> Values.length(v));
        put("upper", (v, g) -> Values.str(v).toUpperCase(Locale.ROOT));
        put("lower", (v, g) -> Values.str(v).toLowerCase(Locale.ROOT));
        put("capitalize", (v, g) -> Strings.capitalize(Values.str(v)));
        put("title", (v, g) -> title(Values.str(v)));
        put("string", (v, g) -> Values.str(v));
        put("safe", (v, g) -> Values.str(v));
        put("default", Filters::otherwise, "default_value=", "boolean=");
        put("d", Filters::otherwise, "default_value=", "boolean=");
        put("join", Filters::join, "d=", "attribute=");
        put("list", (v, g) -> new ArrayList<>(Values.iterate(v)));
        put("items", (v, g) -> items(v));
        put("first", (v, g) -> end(Values.iterate(v), 0));
        put("last", (v, g) -> end(Values.iterate(v), Values.iterate(v).size() - 1));
        put("reverse", (v, g) -> Values.reversed(v));
        put("replace", Filters::replace, "old", "new", "count=");
        put("abs", (v, g) -> absolute(v));
        put("int", PyNumbers::integer, "default=", "base=");
        put("sort", Filters::sorted, "reverse=", "case_sensitive=", "attribute=");
        put("unique", Filters::unique, "case_sensitive=", "attribute=");
        put("indent", Filters::indent, "width=", "first=", "blank=");
        ALL.put("map", Filters::map);
        ALL.put("select", (v, a, n) -> select("select", v, a, n, false, true));
        ALL.put("reject", (v, a, n) -> select("reject", v, a, n, false, false));
        ALL.put("selectattr", (v, a, n) -> select("selectattr", v, a, n, true, true));
        ALL.put("rejectattr", (v, a, n) -> select("rejectattr", v, a, n, true, false));
    }

    private Filters() {}

    private static void put(String name, BiFunction<Object, Given, Object> filter, String... parameters) {
        Parameters expected = Parameters.of("the filter '" + name + "'", parameters);
        ALL.put(name, (v, args, named) -> filter.apply(v, expected.bind(args, named)));
    }

    public static Object apply(String name, Object value, List<Object> args, Map<String, Object> named) {
        Filter filter = ALL.get(name);
        if (filter == null) throw new JinjaError("the filter '" + name + "' is not supported");
        return filter.of(value, args, named);
    }

    private static Object otherwise(Object v, Given g) {
        return v == null || (g.truth(1) && !Values.truth(v)) ? g.get(0, "") : v;
    }

    private static Object join(Object v, Given g) {
        UnaryOperator<Object> part = g.some(1) ? attribute(g.get(1), null) : item -> item;
        List<Object> parts = new ArrayList<>();
        for (Object item : Values.iterate(v)) parts.add(Values.str(part.apply(item)));
        return Strings.join(Values.str(g.get(0, "")), parts);
    }

    private static Object items(Object v) {
        if (v == null) return List.of();
        if (v instanceof Map<?, ?> m && !(v instanceof Namespace)) return Attributes.items(m);
        throw new JinjaError("Can only get item pairs from a mapping.");
    }

    private static Object end(List<Object> items, int i) {
        return items.isEmpty() ? null : items.get(i);
    }

    private static Object replace(Object v, Given g) {
        long most = g.some(2) ? Values.integer(g.get(2)) : -1;
        return Strings.replace(Values.str(v), Values.str(g.get(0)), Values.str(g.get(1)), most);
    }

    private static Object absolute(Object v) {
        if (!Values.isNumber(v)) throw new JinjaError("bad operand type for abs(): '" + Values.type(v) + "'");
        return Values.integral(v) ? (Object) Math.absExact(Values.integer(v)) : Math.abs(Values.real(v));
    }

    /** Words begin after whitespace, hyphens and opening brackets, but not after apostrophes. */
    private static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean begins = true;
        for (int c : text.codePoints().toArray()) {
            boolean between = "-({[<".indexOf(c) >= 0 || Strings.blank(c);
            String s = Character.toString(c);
            out.append(begins && !between ? s.toUpperCase(Locale.ROOT) : s.toLowerCase(Locale.ROOT));
            begins = between;
        }
        return out.toString();
    }

    private static Object sorted(Object v, Given g) {
        boolean reverse = g.has(0) && Values.integer(g.get(0)) != 0;
        UnaryOperator<Object> key = key(g.get(2), g.truth(1), true);
        List<Object[]> items = new ArrayList<>();
        for (Object item : Values.iterate(v)) items.add(new Object[] {key.apply(item), item});
        // Python's reverse sort is stable too.
        Comparator<Object[]> order = (a, b) -> Values.compare(a[0], b[0]);
        items.sort(reverse ? order.reversed() : order);
        List<Object> sorted = new ArrayList<>();
        items.forEach(i -> sorted.add(i[1]));
        return sorted;
    }

    private static Object unique(Object v, Given g) {
        UnaryOperator<Object> key = key(g.get(1), g.truth(0), false);
        Map<Object, Object> seen = new LinkedHashMap<>();
        for (Object item : Values.iterate(v)) {
            Object k = hashed(key.apply(item));
            if (!seen.containsKey(k)) seen.put(k, item);
        }
        return new ArrayList<>(seen.values());
    }

    /** A key with Python's equality: 1, 1.0 and True are equal. */
    private static Object hashed(Object key) {
        boolean mutable = (key instanceof List<?> && !(key instanceof Tuple)) || key instanceof Map<?, ?>;
        if (mutable) throw new JinjaError("unhashable type: '" + Values.type(key) + "'");
        if (key instanceof Boolean b) return b ? 1L : 0L;
        if (key instanceof Double d && d == Math.rint(d) && Math.abs(d) < 1L << 53) return d.longValue();
        if (key instanceof Tuple t) return t.stream().map(Filters::hashed).toList();
        return key;
    }

    /**
     * The key by which items are sorted, grouped or compared.
     *
     * @param attribute a path, an index, or None
     * @param several whether it may be several paths, separated by commas: then the key is a list
     */
    private static UnaryOperator<Object> key(Object attribute, boolean caseSensitive, boolean several) {
        UnaryOperator<Object> fold = k -> !caseSensitive && k instanceof String s ? s.toLowerCase(Locale.ROOT) : k;
        if (attribute == null || attribute == None.NONE) return item -> fold.apply(item);
        if (!several || !(attribute instanceof String s) || !s.contains(",")) {
            UnaryOperator<Object> found = attribute(attribute, null);
            return item -> fold.apply(found.apply(item));
        }
        List<UnaryOperator<Object>> paths = new ArrayList<>();
        for (String path : s.split(",", -1)) paths.add(attribute(path, null));
        return item -> {
            List<Object> keys = new ArrayList<>();
            for (UnaryOperator<Object> path : paths) keys.add(fold.apply(path.apply(item)));
            return keys;
        };
    }

    private static Object map(Object v, List<Object> args, Map<String, Object> named) {
        UnaryOperator<Object> made;
        if (args.isEmpty() && named.containsKey("attribute")) {
            Given g = Parameters.of("the filter 'map'", "attribute", "default=").bind(args, named);
            made = attribute(g.get(0), g.some(1) ? g.get(1) : null);
        } else {
            if (args.isEmpty()) throw new JinjaError("map requires a filter argument");
            List<Object> rest = args.subList(1, args.size());
            made = item -> apply(Values.str(args.get(0)), item, rest, named);
        }
        List<Object> out = new ArrayList<>();
        for (Object item : Values.iterate(v)) out.add(made.apply(item));
        return out;
    }

    private static Object select(
            String filter, Object v, List<Object> args, Map<String, Object> named, boolean of, boolean wanted) {
        if (of && args.isEmpty()) throw new JinjaError(filter + " lacks the name of an attribute");
        UnaryOperator<Object> value = of ? attribute(args.get(0), null) : item -> item;
        List<Object> test = args.subList(of ? 1 : 0, args.size());
        if (test.isEmpty() && !named.isEmpty()) throw new JinjaError(filter + " lacks the name of a test");
        List<Object> out = new ArrayList<>();
        for (Object item : Values.iterate(v)) {
            Object found = value.apply(item);
            boolean is = test.isEmpty()
                    ? Values.truth(found)
                    : Tests.apply(Values.str(test.get(0)), found, test.subList(1, test.size()), named);
            if (is == wanted) out.add(item);
        }
        return out;
    }

    /**
     * The value at a path: {@code a.b} is nested, digits are list indices.
     *
     * @param otherwise default for an undefined value, at each step; null for none
     */
    private static UnaryOperator<Object> attribute(Object path, Object otherwise) {
        List<Object> parts = new ArrayList<>();
        if (path instanceof String s) {
            for (String part : s.split("\\.", -1))
                parts.add(part.matches("[0-9]{1,9}") ? (Object) Long.valueOf(part) : part);
        } else if (Values.isNumber(path)) {
            parts.add(Values.integer(path));
        } else {
            throw new JinjaError("an attribute is a str or an int, not " + Values.type(path));
        }
        return item -> {
            Object value = item;
            for (Object part : parts) {
                value = Attributes.item(value, part);
                if (value == null) value = otherwise;
            }
            return value;
        };
    }

    private static Object indent(Object v, Given g) {
        Object width = g.get(0, 4L);
        if (!(width instanceof String) && Values.integer(width) > MAX_WIDTH)
            throw new JinjaError("the filter 'indent' takes a width of at most " + MAX_WIDTH + " here");
        String by = width instanceof String s ? s : " ".repeat((int) Math.max(0, Values.integer(width)));
        List<String> lines = Strings.lines(Values.str(v) + "\n", false);
        Interpreter.checkLength((long) lines.size() * by.length());
        StringBuilder out = new StringBuilder(g.truth(1) ? by : "").append(lines.get(0));
        for (String line : lines.subList(1, lines.size())) {
            out.append('\n').append(g.truth(2) || !line.isEmpty() ? by : "").append(line);
        }
        return out.toString();
    }
}
