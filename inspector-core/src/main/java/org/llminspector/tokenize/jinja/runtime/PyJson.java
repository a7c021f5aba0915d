package org.llminspector.tokenize.jinja.runtime;

import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** JSON as Python's json.dumps(value, ensure_ascii=False) writes it: transformers' tojson. */
public final class PyJson {

    private static final int MAX_INDENT = 1_000;

    private final StringBuilder out = new StringBuilder();
    private final String indent;
    private final String comma;
    private final String colon;
    private final boolean ascii;
    private final boolean sorted;

    private PyJson(String indent, String comma, String colon, boolean ascii, boolean sorted) {
        this.indent = indent;
        this.comma = comma;
        this.colon = colon;
        this.ascii = ascii;
        this.sorted = sorted;
    }

    /** The parameters are ensure_ascii, indent, separators, sort_keys. */
    static String write(Object value, Parameters.Given g) {
        Object indent = g.some(1) ? g.get(1) : null;
        if (indent != null && !(indent instanceof String) && Values.integer(indent) > MAX_INDENT)
            throw new JinjaError("the filter 'tojson' takes an indent of at most " + MAX_INDENT + " here");
        String step = indent == null
                ? null
                : indent instanceof String s ? s : " ".repeat((int) Math.max(0, Values.integer(indent)));
        String comma = step == null ? ", " : ",";
        String colon = ": ";
        if (g.some(2)) {
            List<Object> two = Values.iterate(g.get(2));
            if (two.size() != 2 || !(two.get(0) instanceof String first) || !(two.get(1) instanceof String second))
                throw new JinjaError("the filter 'tojson' takes two texts as separators");
            comma = first;
            colon = second;
        }
        PyJson json = new PyJson(step, comma, colon, g.truth(0), g.truth(3));
        json.value(value, 0);
        return json.out.toString();
    }

    private void value(Object v, int depth) {
        Interpreter.checkLength(out.length());
        if (v == None.NONE) out.append("null");
        else if (v instanceof Boolean b) out.append(b);
        else if (v instanceof Number n) out.append(number(n));
        else if (v instanceof String s) string(s);
        else if (v instanceof List<?> l) {
            out.append('[');
            Iterator<?> items = l.iterator();
            for (boolean first = true; items.hasNext(); first = false) {
                next(first, depth + 1);
                value(items.next(), depth + 1);
            }
            if (!l.isEmpty()) line(depth);
            out.append(']');
        } else if (v instanceof Map<?, ?> m) {
            map(m, depth);
        } else {
            throw new JinjaError("Object of type " + Values.type(v) + " is not JSON serializable");
        }
    }

    private void map(Map<?, ?> map, int depth) {
        out.append('{');
        boolean first = true;
        for (Map.Entry<?, ?> e : (sorted ? new TreeMap<Object, Object>(map) : map).entrySet()) {
            next(first, depth + 1);
            first = false;
            string(e.getKey() instanceof String s ? s : key(e.getKey()));
            out.append(colon);
            value(e.getValue(), depth + 1);
        }
        if (!first) line(depth);
        out.append('}');
    }

    /** The key of a number, true, false or null; other types are an error in json.dumps. */
    private static String key(Object key) {
        if (key == None.NONE || Values.isNumber(key)) {
            return key == None.NONE ? "null" : key instanceof Boolean b ? b.toString() : number((Number) key);
        }
        throw new JinjaError("keys must be str, int, float, bool or None, not " + Values.type(key));
    }

    private void next(boolean first, int depth) {
        if (!first) out.append(comma);
        line(depth);
    }

    private void line(int depth) {
        if (indent != null) out.append('\n').append(indent.repeat(depth));
    }

    private static String number(Number n) {
        String text = Values.number(n);
        return switch (text) {
            case "nan" -> "NaN";
            case "inf" -> "Infinity";
            case "-inf" -> "-Infinity";
            default -> text;
        };
    }

    private void string(String s) {
        out.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            int known = "\"\\\n\r\t\b\f".indexOf(c);
            if (known >= 0) out.append('\\').append("\"\\nrtbf".charAt(known));
            else if (c < 0x20 || (ascii && c > 0x7E)) out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            else out.append(c);
        }
        out.append('"');
    }
}
