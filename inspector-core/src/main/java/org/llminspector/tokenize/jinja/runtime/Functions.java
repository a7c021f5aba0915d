package org.llminspector.tokenize.jinja.runtime;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Global functions of chat templates: those of transformers and a few of Jinja2's. */
public final class Functions {

    private static final int MAX_RANGE = 100_000;

    /** strftime's letters and their java.time patterns, in the C locale. */
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

    private static final Parameters RAISE = Parameters.of("raise_exception", "message");
    private static final Parameters NOW = Parameters.of("strftime_now", "format");
    private static final Parameters RANGE = Parameters.positional("range", "start", "stop=", "step=");

    private Functions() {}

    public static Map<String, Callable> all(Clock clock) {
        return Map.of(
                "raise_exception",
                        (args, named) -> {
                            throw new JinjaError(
                                    Values.str(RAISE.bind(args, named).get(0)), 0, true);
                        },
                "strftime_now", (args, named) -> strftime(NOW.bind(args, named).text(0), clock),
                "namespace", (args, named) -> new Namespace(merged(args, named)),
                "dict", (args, named) -> merged(args, named),
                "range", (args, named) -> range(RANGE.bind(args, named)));
    }

    /** A dict's items or pairs, updated by the named arguments. */
    private static Map<String, Object> merged(List<Object> args, Map<String, Object> named) {
        if (args.size() > 1) throw new JinjaError("dict expected at most 1 argument, got " + args.size());
        Map<String, Object> values = new LinkedHashMap<>();
        for (Object arg : args) {
            if (arg instanceof Map<?, ?> m) m.forEach((k, v) -> values.put(name(k), v));
            else
                for (Object pair : Values.iterate(arg)) {
                    List<Object> two = Values.iterate(pair);
                    if (two.size() != 2)
                        throw new JinjaError("a dict is made of pairs, not of " + two.size() + " values");
                    values.put(name(two.get(0)), two.get(1));
                }
        }
        values.putAll(named);
        return values;
    }

    private static String name(Object key) {
        if (key instanceof String s) return s;
        throw new JinjaError("dict() with names that are no str is not supported: " + Values.type(key));
    }

    private static List<Object> range(Parameters.Given g) {
        long start = g.has(1) ? Values.integer(g.get(0)) : 0;
        long stop = Values.integer(g.get(g.has(1) ? 1 : 0));
        long step = g.has(2) ? Values.integer(g.get(2)) : 1;
        if (step == 0) throw new JinjaError("range() arg 3 must not be zero");
        List<Object> numbers = new ArrayList<>();
        for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
            // The limit of Jinja2's own sandbox (MAX_RANGE).
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
