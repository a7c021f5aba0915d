package org.llminspector.tokenize.jinja.runtime;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's {@code '%s and %d' % (a, b)}, without widths. */
public final class Format {

    private static final Pattern FIELD = Pattern.compile("%(.)");

    private Format() {}

    static String percent(String format, Object value) {
        List<?> values = value instanceof Tuple t ? t : List.of(value);
        StringBuilder out = new StringBuilder();
        Matcher m = FIELD.matcher(format);
        int next = 0;
        int at = 0;
        while (m.find()) {
            out.append(format, at, m.start());
            at = m.end();
            char kind = m.group(1).charAt(0);
            if (kind == '%') {
                out.append('%');
                continue;
            }
            if (next == values.size()) throw new JinjaError("not enough arguments for format string");
            Interpreter.checkLength(out.length());
            Object v = values.get(next++);
            switch (kind) {
                case 's' -> out.append(Values.str(v));
                case 'r' -> out.append(Values.repr(v));
                case 'd', 'i' -> out.append(Values.integral(v) ? Values.integer(v) : (long) Values.real(v));
                default -> throw new JinjaError("the format %" + kind + " is not supported");
            }
        }
        if (next < values.size()) throw new JinjaError("not all arguments converted during string formatting");
        return out.append(format.substring(at)).toString();
    }
}
