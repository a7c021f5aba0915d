package org.llminspector.tokenize.jinja;

import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** PyJson writes JSON as Python's json.dumps(value, ensure_ascii=False) does: transformers' tojson. */
final class PyJson {

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

    /** Its parameters are ensure_ascii, indent, separators, sort_keys. */
    static String write(Object value, List<Object> args, Map<String, Object> named) {
        Object indent = argument(args, 1, named, "indent");
        Object separators = argument(args, 2, named, "separators");
        String step = indent == null || indent == None.NONE
                ? null
                : indent instanceof String s ? s : " ".repeat((int) Math.min(100, Math.max(0, Values.integer(indent))));
        String comma = step == null ? ", " : ",";
        String colon = ": ";
        if (separators instanceof List<?> two) {
            comma = (String) two.get(0);
            colon = (String) two.get(1);
        }
        PyJson json = new PyJson(
                step,
                comma,
                colon,
                Values.truth(argument(args, 0, named, "ensure_ascii")),
                Values.truth(argument(args, 3, named, "sort_keys")));
        json.value(value, 0);
        return json.out.toString();
    }

    private static Object argument(List<Object> args, int place, Map<String, Object> named, String name) {
        return place < args.size() ? args.get(place) : named.get(name);
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
            string(e.getKey() instanceof String s ? s : write(e.getKey(), List.of(), Map.of()));
            out.append(colon);
            value(e.getValue(), depth + 1);
        }
        if (!first) line(depth);
        out.append('}');
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
