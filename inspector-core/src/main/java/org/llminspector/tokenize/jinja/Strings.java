package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Strings are the methods of Python's str that templates use. */
final class Strings {

    private Strings() {}

    static Object call(String self, String method, List<Object> args, Map<String, Object> named) {
        return switch (method) {
            case "strip" -> stripRight(stripLeft(self, chars(args)), chars(args));
            case "lstrip" -> stripLeft(self, chars(args));
            case "rstrip" -> stripRight(self, chars(args));
            case "upper" -> self.toUpperCase(Locale.ROOT);
            case "lower" -> self.toLowerCase(Locale.ROOT);
            case "capitalize" -> capitalize(self);
            case "title" -> title(self);
            case "startswith" -> any(args, self::startsWith);
            case "endswith" -> any(args, self::endsWith);
            case "split" -> split(self, args, named);
            case "rsplit" -> rsplit(self, args);
            case "splitlines" -> self.lines().map(Object.class::cast).toList();
            case "replace" ->
                replace(self, string(args, 0), string(args, 1), args.size() > 2 ? Values.integer(args.get(2)) : -1);
            case "join" -> join(self, Values.iterate(args.get(0)));
            case "find" -> (long) index(self, self.indexOf(string(args, 0)));
            case "rfind" -> (long) index(self, self.lastIndexOf(string(args, 0)));
            case "count" -> count(self, string(args, 0));
            case "removeprefix" ->
                self.startsWith(string(args, 0))
                        ? self.substring(string(args, 0).length())
                        : self;
            case "removesuffix" ->
                self.endsWith(string(args, 0))
                        ? self.substring(0, self.length() - string(args, 0).length())
                        : self;
            case "isdigit" -> !self.isEmpty() && self.codePoints().allMatch(Character::isDigit);
            case "isspace" -> !self.isEmpty() && strip(self).isEmpty();
            default -> throw new JinjaError("'str object' has no attribute '" + method + "'");
        };
    }

    static String strip(String text) {
        return stripRight(stripLeft(text, null), null);
    }

    /** {@code chars} null means whitespace. */
    static String stripLeft(String text, String chars) {
        int i = 0;
        while (i < text.length() && in(text.codePointAt(i), chars)) i += Character.charCount(text.codePointAt(i));
        return text.substring(i);
    }

    static String stripRight(String text, String chars) {
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
        if (old.isEmpty()) throw new JinjaError("replacing nothing is not supported");
        if (most < 0) return replace(text, old, with, Long.MAX_VALUE);
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

    private static List<Object> split(String text, List<Object> args, Map<String, Object> named) {
        Object separator = args.isEmpty() ? named.get("sep") : args.get(0);
        Object limit = args.size() > 1 ? args.get(1) : named.get("maxsplit");
        long most = limit == null ? -1 : Values.integer(limit);
        List<Object> parts = new ArrayList<>();
        if (separator == null || separator == None.NONE) {
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
        String by = (String) separator;
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

    private static List<Object> rsplit(String text, List<Object> args) {
        String by = string(args, 0);
        long most = args.size() > 1 ? Values.integer(args.get(1)) : -1;
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

    private static boolean any(List<Object> args, java.util.function.Predicate<String> test) {
        if (args.get(0) instanceof List<?> many) return many.stream().anyMatch(s -> test.test((String) s));
        return test.test(string(args, 0));
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

    private static String chars(List<Object> args) {
        return args.isEmpty() || args.get(0) == None.NONE ? null : string(args, 0);
    }

    static String string(List<Object> args, int i) {
        if (i < args.size() && args.get(i) instanceof String s) return s;
        throw new JinjaError("argument " + (i + 1) + " must be str, not "
                + (i < args.size() ? Values.type(args.get(i)) : "missing"));
    }

    /** Whether it is one of these, or, without these, what Python calls whitespace. */
    private static boolean in(int c, String chars) {
        if (chars != null) return chars.indexOf(c) >= 0;
        return c <= 0x20
                ? c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F)
                : c == 0x85 || Character.isSpaceChar(c);
    }
}
