package org.llminspector.web.cli.common;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Parser of sizes such as 512MiB, 2g, 1048576. Units are powers of 1024. */
public final class ByteSize implements ITypeConverter<Long> {

    private static final Pattern TEXT = Pattern.compile("([0-9]+(?:\\.[0-9]+)?)\\s*([kmgt]?)(?:i?b)?");
    private static final Map<String, Integer> SHIFT = Map.of("", 0, "k", 10, "m", 20, "g", 30, "t", 40);

    @Override
    public Long convert(String text) {
        Matcher m = TEXT.matcher(text.trim().toLowerCase(Locale.ROOT));
        if (!m.matches()) throw new TypeConversionException("'" + text + "' is not a size, such as 512MiB or 2g");
        return (long) (Double.parseDouble(m.group(1)) * (1L << SHIFT.get(m.group(2))));
    }
}
