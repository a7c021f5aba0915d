package org.llminspector.run.store;

import java.security.SecureRandom;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.ResolverStyle;
import java.util.Locale;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;

/** Creates and validates run ids: the UTC time to the millisecond, then six random hex digits. */
final class RunIds {

    private static final Pattern PATTERN = Pattern.compile("[0-9]{8}-[0-9]{6}-[0-9]{3}-[0-9a-f]{6}");
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuuMMdd-HHmmss-SSS", Locale.ROOT).withResolverStyle(ResolverStyle.STRICT);
    private static final long DAY_MS = 24L * 60 * 60 * 1000;
    private static final SecureRandom RANDOM = new SecureRandom();

    private long last;

    /**
     * A new id that sorts after every id made here and after the store's newest, even when the clock was set back. A
     * run more than a day ahead comes from a wrong clock and is ignored.
     *
     * @param newest the newest id in the store, or null
     */
    synchronized String next(String newest) {
        long now = System.currentTimeMillis();
        long stored = newest == null ? 0 : millis(newest);
        if (stored > now + DAY_MS) stored = 0;
        last = Math.max(now, Math.max(last, stored) + 1);
        return TIME.format(LocalDateTime.ofInstant(Instant.ofEpochMilli(last), ZoneOffset.UTC))
                + String.format(Locale.ROOT, "-%06x", RANDOM.nextInt(1 << 24));
    }

    static boolean valid(String id) {
        return id != null && PATTERN.matcher(id).matches();
    }

    /** The id itself; anything that is not exactly an id is refused, so that it is safe as a folder name. */
    static String check(String id) {
        if (valid(id)) return id;
        throw Problem.invalid("this is not a run's id")
                .where("run id")
                .expected("an id like 20261125-003512-417-a1b2c3")
                .found(shown(id))
                .instead("GET /runs lists the ids there are");
    }

    private static String shown(String id) {
        if (id == null) return "nothing";
        String cut = id.length() > 80 ? id.substring(0, 80) + "..." : id;
        return '"' + cut.replaceAll("\\p{Cntrl}", "?") + '"';
    }

    private static long millis(String id) {
        try {
            return LocalDateTime.parse(id.substring(0, 19), TIME)
                    .toInstant(ZoneOffset.UTC)
                    .toEpochMilli();
        } catch (DateTimeException e) {
            return 0; // digits, but no date: 99999999
        }
    }
}
