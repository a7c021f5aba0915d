package org.llminspector.base;

import java.util.Locale;

/** Formatting of byte counts: 512 B, 2.0 MiB, 1.50 GiB; units are powers of 1024. */
public final class ByteCount {

    private static final long KIB = 1 << 10;
    private static final long MIB = 1 << 20;
    private static final long GIB = 1 << 30;

    private ByteCount() {}

    public static String of(long n) {
        if (n < KIB) return n + " B";
        if (n < MIB) return String.format(Locale.ROOT, "%.1f KiB", (double) n / KIB);
        if (n < GIB) return String.format(Locale.ROOT, "%.1f MiB", (double) n / MIB);
        return String.format(Locale.ROOT, "%.2f GiB", (double) n / GIB);
    }
}
