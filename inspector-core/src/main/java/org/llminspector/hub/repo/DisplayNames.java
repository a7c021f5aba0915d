package org.llminspector.hub.repo;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Safe display of external names: quoted, truncated, without control characters. */
public final class DisplayNames {

    private static final int LENGTH = 120;
    private static final int NAMES = 4;

    private DisplayNames() {}

    public static String name(String name) {
        StringBuilder out = new StringBuilder("\"");
        name.chars().limit(LENGTH).forEach(c -> {
            if (Character.isISOControl(c) || Character.isSurrogate((char) c) || c == '"') {
                out.append(String.format(Locale.ROOT, "\\u%04x", c));
            } else {
                out.append((char) c);
            }
        });
        return out.append(name.length() > LENGTH ? "...\"" : "\"").toString();
    }

    public static String names(List<String> names) {
        String some = names.stream().limit(NAMES).map(DisplayNames::name).collect(Collectors.joining(", "));
        return names.size() > NAMES ? some + " and " + (names.size() - NAMES) + " more" : some;
    }

    /** Formats 1503300328 as "1.50 GB". */
    public static String bytes(long n) {
        if (n >= 1_000_000_000) return String.format(Locale.ROOT, "%.2f GB", n / 1e9);
        if (n >= 1_000_000) return String.format(Locale.ROOT, "%.1f MB", n / 1e6);
        return n + " bytes";
    }
}
