package org.llminspector.tokenize.jinja.runtime;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** Python's semantics of JSON values: truth, equality, printing, items. */
public final class Values {

    private Values() {}

    public static boolean truth(Object v) {
        if (v == null || v == None.NONE) return false;
        if (v instanceof Boolean b) return b;
        if (v instanceof Number n) return n.doubleValue() != 0;
        if (v instanceof String s) return !s.isEmpty();
        if (v instanceof List<?> l) return !l.isEmpty();
        if (v instanceof Map<?, ?> m) return !(m.isEmpty() && !(m instanceof Namespace));
        return true;
    }

    static boolean equal(Object a, Object b) {
        if (isNumber(a) && isNumber(b)) {
            return (integral(a) && integral(b)) ? integer(a) == integer(b) : real(a) == real(b);
        }
        if (a instanceof List<?> x && b instanceof List<?> y) {
            if (x.size() != y.size() || (x instanceof Tuple) != (y instanceof Tuple)) return false;
            Iterator<?> other = y.iterator();
            for (Object item : x) if (!equal(item, other.next())) return false;
            return true;
        }
        if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
            return x.size() == y.size()
                    && x.entrySet().stream()
                            .allMatch(e -> y.containsKey(e.getKey()) && equal(e.getValue(), y.get(e.getKey())));
        }
        return Objects.equals(a, b);
    }

    static int compare(Object a, Object b) {
        if (isNumber(a) && isNumber(b)) return Double.compare(real(a), real(b));
        if (a instanceof String x && b instanceof String y) return x.compareTo(y);
        if (a instanceof List<?> x && b instanceof List<?> y && x instanceof Tuple == y instanceof Tuple) {
            for (int i = 0; i < Math.min(x.size(), y.size()); i++)
                if (!equal(x.get(i), y.get(i))) return compare(x.get(i), y.get(i));
            return Integer.compare(x.size(), y.size());
        }
        throw new JinjaError("'<' not supported between instances of '" + type(a) + "' and '" + type(b) + "'");
    }

    static boolean contains(Object container, Object item) {
        if (container instanceof String s) {
            if (item instanceof String part) return s.contains(part);
            throw new JinjaError("'in <string>' requires string as left operand, not " + type(item));
        }
        if (container instanceof Map<?, ?> m) return m.containsKey(item);
        return iterate(container).stream().anyMatch(o -> equal(o, item));
    }

    /** The items that {@code for} iterates over. */
    @SuppressWarnings("unchecked")
    public static List<Object> iterate(Object v) {
        if (v == null) return List.of();
        if (v instanceof List<?> l) return (List<Object>) l;
        if (v instanceof Map<?, ?> m) return new ArrayList<>(m.keySet());
        if (v instanceof String s)
            return s.codePoints().<Object>mapToObj(Character::toString).toList();
        throw new JinjaError("'" + type(v) + "' object is not iterable");
    }

    static long length(Object v) {
        if (v == null) return 0;
        if (v instanceof String s) return s.codePointCount(0, s.length());
        if (v instanceof Map<?, ?> m) return m.size();
        if (v instanceof List<?> l) return l.size();
        throw new JinjaError("object of type '" + type(v) + "' has no len()");
    }

    /** {@code v[key]}; undefined where there is none. */
    static Object item(Object v, Object key) {
        if (v instanceof Map<?, ?> m) return m.get(key);
        if (isNumber(key) && integral(key) && (v instanceof List<?> || v instanceof String)) {
            long length = length(v);
            long i = integer(key) < 0 ? integer(key) + length : integer(key);
            if (i < 0 || i >= length) return null;
            if (v instanceof List<?> l) return l.get((int) i);
            String s = (String) v;
            return Character.toString(s.codePointAt(s.offsetByCodePoints(0, (int) i)));
        }
        return null;
    }

    public static Object slice(Object v, Object from, Object to) {
        long length = length(v);
        int start = (int) bound(from, 0, length);
        int stop = (int) Math.max(start, bound(to, length, length));
        if (v instanceof String s) return s.substring(s.offsetByCodePoints(0, start), s.offsetByCodePoints(0, stop));
        if (v instanceof List<?> l) return new ArrayList<Object>(l.subList(start, stop));
        throw new JinjaError("'" + type(v) + "' object is not subscriptable");
    }

    private static long bound(Object index, long otherwise, long length) {
        if (index == null || index == None.NONE) return otherwise;
        long i = integer(index);
        return Math.min(length, Math.max(0, i < 0 ? i + length : i));
    }

    /** The items in reverse order. */
    public static Object reversed(Object v) {
        if (v instanceof String s) return new StringBuilder(s).reverse().toString();
        List<Object> items = new ArrayList<>(Values.iterate(v));
        Collections.reverse(items);
        return items;
    }

    static boolean isNumber(Object v) {
        return v instanceof Number || v instanceof Boolean;
    }

    static boolean integral(Object v) {
        return v instanceof Boolean || v instanceof Long || v instanceof Integer;
    }

    static long integer(Object v) {
        if (v instanceof Boolean b) return b ? 1 : 0;
        if (v instanceof Number n && integral(v)) return n.longValue();
        throw new JinjaError("'" + type(v) + "' object cannot be interpreted as an integer");
    }

    static double real(Object v) {
        return v instanceof Boolean b ? (b ? 1 : 0) : ((Number) v).doubleValue();
    }

    /** Python's str(). */
    public static String str(Object v) {
        return v == null ? "" : v instanceof String s ? s : repr(v);
    }

    /** Python's repr(). */
    static String repr(Object v) {
        StringBuilder out = new StringBuilder();
        repr(v, out);
        return out.toString();
    }

    private static void repr(Object v, StringBuilder out) {
        Interpreter.checkLength(out.length());
        if (v == null) out.append("Undefined");
        else if (v == None.NONE) out.append("None");
        else if (v instanceof Boolean b) out.append(b ? "True" : "False");
        else if (v instanceof Number n) out.append(number(n));
        else if (v instanceof String s) quote(s, out);
        else if (v instanceof List<?> l) {
            boolean tuple = v instanceof Tuple;
            out.append(tuple ? '(' : '[');
            for (int i = 0; i < l.size(); i++) {
                if (i > 0) out.append(", ");
                repr(l.get(i), out);
            }
            out.append(tuple ? l.size() == 1 ? ",)" : ")" : "]");
        } else if (v instanceof Map<?, ?> m) {
            out.append('{');
            String comma = "";
            for (Map.Entry<?, ?> e : m.entrySet()) {
                out.append(comma);
                repr(e.getKey(), out);
                out.append(": ");
                repr(e.getValue(), out);
                comma = ", ";
            }
            out.append('}');
        } else throw new JinjaError("a function cannot be printed");
    }

    /** The shortest decimal that is this number, in Python's form: 1.0, 1e+20, 1e-05. */
    static String number(Number n) {
        if (integral(n)) return n.toString();
        double d = n.doubleValue();
        if (Double.isNaN(d)) return "nan";
        if (Double.isInfinite(d)) return d > 0 ? "inf" : "-inf";
        if (d == 0) return 1 / d < 0 ? "-0.0" : "0.0";
        BigDecimal exact = new BigDecimal(shortest(d)).stripTrailingZeros();
        int exponent = exact.precision() - exact.scale() - 1;
        if (exponent >= -4 && exponent < 16) {
            String plain = exact.toPlainString();
            return plain.contains(".") ? plain : plain + ".0";
        }
        String digits = exact.unscaledValue().abs().toString();
        String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
        int size = Math.abs(exponent);
        return (d < 0 ? "-" : "") + mantissa + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + size;
    }

    /** Java before 19 sometimes writes a digit too many (JDK-4511638). */
    private static String shortest(double d) {
        BigDecimal exact = new BigDecimal(d);
        for (int digits = 1; digits < 17; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            if (rounded.doubleValue() == d) return rounded.toString();
        }
        return exact.round(new MathContext(17, RoundingMode.HALF_EVEN)).toString();
    }

    private static void quote(String s, StringBuilder out) {
        char quote = s.indexOf('\'') >= 0 && s.indexOf('"') < 0 ? '"' : '\'';
        out.append(quote);
        for (int c : s.codePoints().toArray()) {
            if (c == quote || c == '\\') out.append('\\').append((char) c);
            else if (c == '\n') out.append("\\n");
            else if (c == '\r') out.append("\\r");
            else if (c == '\t') out.append("\\t");
            else if (printable(c)) out.appendCodePoint(c);
            else out.append(String.format(Locale.ROOT, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c));
        }
        out.append(quote);
    }

    private static boolean printable(int c) {
        if (c == ' ') return true;
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SPACE_SEPARATOR -> false;
            default -> true;
        };
    }

    /** Python's name of the type. */
    static String type(Object v) {
        if (v == null) return "Undefined";
        if (v == None.NONE) return "NoneType";
        if (v instanceof Boolean) return "bool";
        if (v instanceof Number) return integral(v) ? "int" : "float";
        if (v instanceof String) return "str";
        if (v instanceof Tuple) return "tuple";
        if (v instanceof List<?>) return "list";
        if (v instanceof Namespace) return "Namespace";
        return v instanceof Map<?, ?> ? "dict" : "function";
    }
}
