package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Text finds the parts of a statement; Source has put its strings away, so that only brackets can hide something. */
final class Text {

    private Text() {}

    /** Where a word stands outside of brackets, or -1. */
    static int word(String code, String word, int from) {
        int depth = 0;
        for (int i = from; i < code.length(); i++) {
            char c = code.charAt(i);
            if ("([{".indexOf(c) >= 0) depth++;
            if (")]}".indexOf(c) >= 0) depth--;
            if (depth > 0 || !code.startsWith(word, i)) continue;
            int end = i + word.length();
            boolean whole = (i == 0 || !Character.isJavaIdentifierPart(code.charAt(i - 1)))
                    && (end == code.length() || !Character.isJavaIdentifierPart(code.charAt(end)));
            if (whole) return i;
        }
        return -1;
    }

    /** The parts between commas outside of brackets. */
    static List<String> parts(String code) {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        int begin = 0;
        for (int i = 0; i <= code.length(); i++) {
            char c = i < code.length() ? code.charAt(i) : ',';
            if ("([{".indexOf(c) >= 0) depth++;
            if (")]}".indexOf(c) >= 0) depth--;
            if (c == ',' && depth == 0) {
                if (!code.substring(begin, i).isBlank())
                    parts.add(code.substring(begin, i).strip());
                begin = i + 1;
            }
        }
        return parts;
    }

    /** The names of {@code a, b} or {@code (a, b)}. */
    static String[] names(String code) {
        String list = code.strip();
        if (list.startsWith("(") && list.endsWith(")")) list = list.substring(1, list.length() - 1);
        String[] names = parts(list).toArray(String[]::new);
        if (names.length == 0) throw new JinjaError("Expected a name");
        for (String name : names) {
            if (!name.chars().allMatch(Character::isJavaIdentifierPart) || Character.isDigit(name.charAt(0))) {
                throw new JinjaError("Expected a name, got '" + name + "'");
            }
            if (List.of("true", "false", "none").contains(name.toLowerCase(Locale.ROOT))) {
                throw new JinjaError("can't assign to '" + name + "'");
            }
        }
        return names;
    }
}
