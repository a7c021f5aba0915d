package org.llminspector.hub;

import java.net.http.HttpHeaders;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Retry policy of HTTP requests, as huggingface_hub's {@code http_backoff}.
 *
 * @param first the wait before the first retry; each next one is twice as long, up to eight times the first
 * @param longest a server that requests a longer wait is given up
 */
record Backoff(Duration first, Duration longest) {

    static final Backoff DEFAULT = new Backoff(Duration.ofSeconds(1), Duration.ofMinutes(2));
    static final int RETRIES = 5;
    /** Fewer where no connection is made: the network is down, and the user is waiting for the error. */
    static final int CONNECT_RETRIES = 2;

    static final Set<Integer> RETRIED = Set.of(408, 429, 500, 502, 503, 504);

    private static final Pattern RATE_LIMIT = Pattern.compile("r=([0-9]{1,9})\\s*;\\s*t=([0-9]{1,9})");

    /** @param retry 1 for the first */
    long waitMs(int retry) {
        return first.toMillis() << Math.min(retry - 1, 3);
    }

    /** The wait that the server requests: {@code RateLimit} of the IETF draft that the hub sends, or Retry-After. */
    static OptionalLong askedMs(HttpHeaders headers) {
        Matcher limit = RATE_LIMIT.matcher(headers.firstValue("RateLimit").orElse(""));
        if (limit.find() && limit.group(1).equals("0")) {
            return OptionalLong.of(Long.parseLong(limit.group(2)) * 1000 + 1000);
        }
        String after = headers.firstValue("Retry-After").orElse("").strip();
        if (after.matches("[0-9]{1,9}")) return OptionalLong.of(Long.parseLong(after) * 1000);
        try {
            ZonedDateTime at = ZonedDateTime.parse(after, DateTimeFormatter.RFC_1123_DATE_TIME);
            return OptionalLong.of(Math.max(
                    0, Duration.between(ZonedDateTime.now(at.getZone()), at).toMillis()));
        } catch (DateTimeParseException e) {
            return OptionalLong.empty();
        }
    }
}
