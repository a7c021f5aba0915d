package org.llminspector.tokenize.jinja;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Functions are what a chat template can call: those of transformers' and a few of Jinja2's. */
final class Functions {

    private static final int MAX_RANGE = 100_000;

    /** strftime's letters and what java.time calls them, in the C locale. */
    private static final Map<Character, String> TIMES = Map.ofEntries(
            Map.entry('Y', "yyyy"),
            Map.entry('y', "yy"),
            Map.entry('m', "MM"),
            Map.entry('d', "dd"),
            Map.entry('H', "HH"),
            Map.entry('I', "hh"),
            Map.entry('M', "mm"),
            Map.entry('S', "ss"),
            Map.entry('f', "SSSSSS"),
            Map.entry('p', "a"),
            Map.entry('b', "MMM"),
            Map.entry('B', "MMMM"),
            Map.entry('a', "EEE"),
            Map.entry('A', "EEEE"),
            Map.entry('j', "DDD"),
            Map.entry('F', "yyyy-MM-dd"),
            Map.entry('T', "HH:mm:ss"),
            Map.entry('R', "HH:mm"),
            Map.entry('D', "MM/dd/yy"),
            Map.entry('x', "MM/dd/yy"),
            Map.entry('X', "HH:mm:ss"));

    private Functions() {}

    static Map<String, Callable> all(Clock clock) {
        return Map.of(
                "raise_exception",
                        (args, named) -> {
                            Object message = args.isEmpty() ? named.get("message") : args.get(0);
                            throw new JinjaError(Values.str(message), 0, true);
                        },
                "strftime_now", (args, named) -> strftime(Strings.string(args, 0), clock),
                "namespace", (args, named) -> new Namespace(merged(args, named)),
                "dict", (args, named) -> merged(args, named),
                "range", (args, named) -> range(args));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> merged(List<Object> args, Map<String, Object> named) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Object arg : args) values.putAll((Map<String, Object>) arg);
        values.putAll(named);
        return values;
    }

    private static List<Object> range(List<Object> args) {
        long start = args.size() > 1 ? Values.integer(args.get(0)) : 0;
        long stop = Values.integer(args.get(args.size() > 1 ? 1 : 0));
        long step = args.size() > 2 ? Values.integer(args.get(2)) : 1;
        if (step == 0) throw new JinjaError("range() arg 3 must not be zero");
        List<Object> numbers = new ArrayList<>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
            // Jinja2's own sandbox has this limit (MAX_RANGE).
            if (numbers.size() == MAX_RANGE)
                throw new JinjaError(
                        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + MAX_RANGE + ").");
            numbers.add(i);
        }
        return numbers;
    }

    private static String strftime(String format, Clock clock) {
        ZonedDateTime now = ZonedDateTime.now(clock);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            char letter = format.charAt(++i);
            boolean bare = letter == '-' && i + 1 < format.length();
            if (bare) letter = format.charAt(++i);
            if (letter == '%') {
                out.append('%');
                continue;
            }
            String pattern = TIMES.get(letter);
            if (pattern == null) throw new JinjaError("strftime's %" + letter + " is not supported");
            String text = DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now);
            out.append(bare ? text.replaceFirst("^0+(?=.)", "") : text);
        }
        return out.toString();
    }
}
