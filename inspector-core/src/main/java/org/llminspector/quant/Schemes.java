package org.llminspector.quant;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;

/**
 * List of standard schemes and parser of scheme names: {@code int8}, {@code int3-tensor}, {@code int4-g128-asym},
 * {@code nf4}.
 */
final class Schemes {

    static final List<QuantScheme> STANDARD = List.of(
            HalfScheme.FP16,
            HalfScheme.BF16,
            IntScheme.perTensor(8, true),
            IntScheme.perTensor(8, false),
            IntScheme.perChannel(8, true),
            IntScheme.perChannel(8, false),
            IntScheme.perGroup(8, 128, true),
            IntScheme.perGroup(8, 32, true),
            IntScheme.perGroup(4, 128, true),
            IntScheme.perGroup(4, 128, false),
            IntScheme.perGroup(4, 32, true),
            IntScheme.perGroup(4, 32, false),
            NormalFloat.NF4);

    private static final Pattern INT = Pattern.compile("int([2-8])(?:-(tensor|channel|g(\\d{1,5})))?(-asym)?");
    private static final int MOST = 1 << 16;

    private Schemes() {}

    static QuantScheme parse(String text) {
        String name = text.trim().toLowerCase(Locale.ROOT);
        Map<String, QuantScheme> known = new LinkedHashMap<>();
        for (QuantScheme scheme : STANDARD) known.put(scheme.name(), scheme);
        known.put("int8", IntScheme.perChannel(8, true));
        known.put("int4", IntScheme.perGroup(4, 32, true));
        if (known.containsKey(name)) return known.get(name);
        Matcher m = INT.matcher(name);
        if (m.matches()) {
            IntScheme scheme = integers(Integer.parseInt(m.group(1)), m.group(2), m.group(3), m.group(4) == null);
            if (scheme != null) return scheme;
        }
        List<String> closest = Names.closest(name, known.keySet());
        throw Problem.invalid("there is no such quantization scheme")
                .where("scheme")
                .expected("one of " + String.join(", ", known.keySet())
                        + "; intB-tensor, intB-channel and intB-gN with B from 2 to 8 and N from 2 to " + MOST
                        + ", with -asym or without")
                .found(Problem.shown(text))
                .instead("closest: " + String.join(", ", closest));
    }

    private static IntScheme integers(int bits, String span, String group, boolean symmetric) {
        if (span == null)
            return bits == 8 ? IntScheme.perChannel(8, symmetric) : IntScheme.perGroup(bits, 32, symmetric);
        if (span.equals("tensor")) return IntScheme.perTensor(bits, symmetric);
        if (span.equals("channel")) return IntScheme.perChannel(bits, symmetric);
        int n = Integer.parseInt(group);
        return n < 2 || n > MOST ? null : IntScheme.perGroup(bits, n, symmetric);
    }
}
