package org.llminspector.base;

import java.util.Collection;

/** Glob matching of names: {@code *} matches any characters, {@code ?} one. */
public final class Glob {

    /** Longest pattern, several times the longest hook or module name. */
    private static final int MAX_LENGTH = 200;

    private Glob() {}

    /**
     * Whether the whole name matches. On a mismatch only the last star is extended by one character, so time is at most
     * the product of the two lengths.
     */
    public static boolean matches(String pattern, String name) {
        int p = 0;
        int n = 0;
        int star = -1; // the last star seen
        int grown = 0; // where its match ends in the name
        while (n < name.length()) {
            char c = p < pattern.length() ? pattern.charAt(p) : 0;
            if (c == '*') {
                star = p++;
                grown = n;
            } else if (p < pattern.length() && (c == '?' || c == name.charAt(n))) {
                p++;
                n++;
            } else if (star >= 0) {
                p = star + 1;
                n = ++grown;
            } else {
                return false;
            }
        }
        while (p < pattern.length() && pattern.charAt(p) == '*') p++;
        return p == pattern.length();
    }

    /**
     * Refuses more patterns than {@code most}, and patterns longer than any name.
     *
     * @param what they name, for the error: {@code hooks}
     */
    public static void check(Collection<String> patterns, int most, String what) {
        if (patterns.size() > most) {
            throw Problem.tooLarge("too many patterns")
                    .where(what)
                    .expected("at most " + most + " names and globs")
                    .found(patterns.size())
                    .instead("use globs: blocks.*.attn.* names every layer's");
        }
        for (String pattern : patterns) check(pattern, what);
    }

    /** Refuses a pattern that is longer than any name. */
    public static void check(String pattern, String what) {
        if (pattern.length() <= MAX_LENGTH) return;
        throw Problem.invalid("the pattern is longer than any name")
                .where(what)
                .expected("at most " + MAX_LENGTH + " characters")
                .found(Problem.shown(pattern));
    }
}
