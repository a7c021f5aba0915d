package org.llminspector.tokenize.jinja.runtime;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import org.llminspector.tokenize.jinja.runtime.Parameters.Given;

/** The methods of Python's str that templates use. */
public final class Strings {

    private static final String LINE_ENDS = "\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029";

    private Strings() {}

    /** Their parameters, mostly positional-only as in Python. The start and end of searches are not supported. */
    private static final Map<String, Parameters> METHODS = new HashMap<>();

    static {
        for (String name : List.of("upper", "lower", "capitalize", "title", "isdigit", "isspace")) method(name);
        for (String name : List.of("strip", "lstrip", "rstrip")) method(name, "chars=");
        for (String name : List.of("startswith", "endswith")) method(name, "prefix");
        for (String name : List.of("find", "rfind", "count")) method(name, "sub");
        for (String name : List.of("removeprefix", "removesuffix")) method(name, "part");
        method("join", "iterable");
        method("replace", "old", "new", "count=");
        for (String name : List.of("split", "rsplit"))
            METHODS.put(name, Parameters.of("str." + name, "sep=", "maxsplit="));
        METHODS.put("splitlines", Parameters.of("str.splitlines", "keepends="));
    }

    private static void method(String name, String... parameters) {
        METHODS.put(name, Parameters.positional("str." + name, parameters));
    }

    static Object call(String self, String method, List<Object> args, Map<String, Object> named) {
        Parameters parameters = METHODS.get(method);
        if (parameters == null) throw new JinjaError("'str object' has no attribute '" + method + "'");
        Given g = parameters.bind(args, named);
        return switch (method) {
            case "strip" -> strip(self, g.some(0) ? g.text(0) : null);
            case "lstrip" -> stripLeft(self, g.some(0) ? g.text(0) : null);
            case "rstrip" -> stripRight(self, g.some(0) ? g.text(0) : null);
            case "upper" -> self.toUpperCase(Locale.ROOT);
            case "lower" -> self.toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalize(self);
            case "title" -> title(self);
            case "startswith" -> any(g, self::startsWith);
            case "endswith" -> any(g, self::endsWith);
            case "split" -> split(self, g);
            case "rsplit" -> rsplit(self, g);
            case "splitlines" -> new ArrayList<Object>(lines(self, g.truth(0)));
            case "replace" -> replace(self, g.text(0), g.text(1), Values.integer(g.get(2, -1L)));
            case "join" -> join(self, Values.iterate(g.get(0)));
            case "find" -> (long) index(self, self.indexOf(g.text(0)));
            case "rfind" -> (long) index(self, self.lastIndexOf(g.text(0)));
            case "count" -> count(self, g.text(0));
            case "removeprefix" ->
                self.startsWith(g.text(0)) ? self.substring(g.text(0).length()) : self;
            case "removesuffix" ->
                self.endsWith(g.text(0))
                        ? self.substring(0, self.length() - g.text(0).length())
                        : self;
            case "isdigit" -> !self.isEmpty() && self.codePoints().allMatch(Character::isDigit);
            case "isspace" -> !self.isEmpty() && strip(self).isEmpty();
            default -> throw new IllegalStateException(method);
        };
    }

    public static String strip(String text) {
        return strip(text, null);
    }

    public static String strip(String text, String chars) {
        return stripRight(stripLeft(text, chars), chars);
    }

    /** As Python's splitlines: a final line break begins no further line. */
    static List<String> lines(String text, boolean keepEnds) {
        List<String> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            if (LINE_ENDS.indexOf(text.charAt(i)) < 0) continue;
            int end = i;
            if (text.charAt(i) == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n') i++;
            lines.add(text.substring(from, keepEnds ? i + 1 : end));
            from = i + 1;
        }
        if (from < text.length()) lines.add(text.substring(from));
        return lines;
    }

    /** {@code chars} null means whitespace. */
    static String stripLeft(String text, String chars) {
        int i = 0;
        while (i < text.length() && in(text.codePointAt(i), chars)) i += Character.charCount(text.codePointAt(i));
        return text.substring(i);
    }

    public static String stripRight(String text, String chars) {
        int i = text.length();
        while (i > 0 && in(text.codePointBefore(i), chars)) i -= Character.charCount(text.codePointBefore(i));
        return text.substring(0, i);
    }

    static String capitalize(String text) {
        if (text.isEmpty()) return text;
        int first = text.offsetByCodePoints(0, 1);
        return text.substring(0, first).toUpperCase(Locale.ROOT)
                + text.substring(first).toLowerCase(Locale.ROOT);
    }

    static String replace(String text, String old, String with, long most) {
        if (most < 0) return replace(text, old, with, Long.MAX_VALUE);
        if (old.isEmpty()) return between(text, with, most);
        StringBuilder out = new StringBuilder();
        int at = 0;
        for (long n = 0; n < most; n++) {
            int next = text.indexOf(old, at);
            if (next < 0) break;
            out.append(text, at, next).append(with);
            Interpreter.checkLength(out.length());
            at = next + old.length();
        }
        return out.append(text.substring(at)).toString();
    }

    /** Inserts a text before each character, and at the end. */
    private static String between(String text, String with, long most) {
        StringBuilder out = new StringBuilder();
        long n = 0;
        for (int c : text.codePoints().toArray()) {
            if (n++ < most) out.append(with);
            out.appendCodePoint(c);
            Interpreter.checkLength(out.length());
        }
        return n < most ? out.append(with).toString() : out.toString();
    }

    static String join(String separator, List<Object> parts) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < parts.size(); i++) {
            if (!(parts.get(i) instanceof String s)) {
                throw new JinjaError(
                        "sequence item " + i + ": expected str instance, " + Values.type(parts.get(i)) + " found");
            }
            if (i > 0) out.append(separator);
            out.append(s);
            Interpreter.checkLength(out.length());
        }
        return out.toString();
    }

    static String title(String text) {
        StringBuilder out = new StringBuilder();
        boolean inside = false;
        for (int c : text.codePoints().toArray()) {
            String s = Character.toString(c);
            out.append(inside ? s.toLowerCase(Locale.ROOT) : s.toUpperCase(Locale.ROOT));
            inside = Character.isLetter(c);
        }
        return out.toString();
    }

    private static List<Object> split(String text, Given g) {
        long most = Values.integer(g.get(1, -1L));
        List<Object> parts = new ArrayList<>();
        if (!g.some(0)) {
            String rest = stripLeft(text, null);
            while (!rest.isEmpty()) {
                int end = 0;
                while (end < rest.length() && !in(rest.charAt(end), null)) end++;
                if (most >= 0 && parts.size() == most) end = rest.length();
                parts.add(rest.substring(0, end));
                rest = stripLeft(rest.substring(end), null);
            }
            return parts;
        }
        String by = g.text(0);
        if (by.isEmpty()) throw new JinjaError("empty separator");
        int at = 0;
        for (int next;
                (most < 0 || parts.size() < most) && (next = text.indexOf(by, at)) >= 0;
                at = next + by.length()) {
            parts.add(text.substring(at, next));
        }
        parts.add(text.substring(at));
        return parts;
    }

    private static List<Object> rsplit(String text, Given g) {
        if (!g.some(0)) throw new JinjaError("str.rsplit without a separator is not supported");
        String by = g.text(0);
        if (by.isEmpty()) throw new JinjaError("empty separator");
        long most = Values.integer(g.get(1, -1L));
        List<Object> parts = new ArrayList<>();
        int end = text.length();
        for (int next;
                (most < 0 || parts.size() < most)
                        && end >= by.length()
                        && (next = text.lastIndexOf(by, end - by.length())) >= 0;
                end = next) {
            parts.add(0, text.substring(next + by.length(), end));
        }
        parts.add(0, text.substring(0, end));
        return parts;
    }

    /** Tests a text, or any text of a tuple. */
    private static boolean any(Given g, Predicate<String> test) {
        if (!(g.get(0) instanceof Tuple many)) return test.test(g.text(0));
        for (Object one : many) {
            if (!(one instanceof String s))
                throw new JinjaError("a tuple of str is needed, not of " + Values.type(one));
            if (test.test(s)) return true;
        }
        return false;
    }

    private static long count(String text, String part) {
        if (part.isEmpty()) return text.codePointCount(0, text.length()) + 1L;
        long n = 0;
        for (int i = text.indexOf(part); i >= 0; i = text.indexOf(part, i + part.length())) n++;
        return n;
    }

    private static int index(String text, int utf16) {
        return utf16 < 0 ? -1 : text.codePointCount(0, utf16);
    }

    /** Whether it is one of these, or, for null, whitespace in Python. */
    private static boolean in(int c, String chars) {
        return chars != null ? chars.indexOf(c) >= 0 : blank(c);
    }

    /** Whether Python calls it whitespace. */
    static boolean blank(int c) {
        return c <= 0x20
                ? c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F)
                : c == 0x85 || Character.isSpaceChar(c);
    }
}
