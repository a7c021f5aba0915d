package org.llminspector.base;

/** A count with its noun: 1 layer, 3 layers. */
public final class Plural {

    private Plural() {}

    public static String of(long n, String one) {
        return n + " " + (n == 1 ? one : one + "s");
    }
}
