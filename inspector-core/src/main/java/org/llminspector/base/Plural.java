package org.llminspector.base;

/** Plural is a number with what it counts, as people say it: 1 layer, 3 layers. */
public final class Plural {

    private Plural() {}

    public static String of(long n, String one) {
        return n + " " + (n == 1 ? one : one + "s");
    }
}
