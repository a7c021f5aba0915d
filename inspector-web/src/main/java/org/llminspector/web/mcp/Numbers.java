package org.llminspector.web.mcp;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;

/** Numbers short enough for an answer. */
final class Numbers {

    private static final MathContext DIGITS = new MathContext(5);

    private Numbers() {}

    /** Five significant digits. Null for null and for what is no number, which JSON has not. */
    static Double rounded(Double value) {
        if (value == null || !Double.isFinite(value)) return null;
        return new BigDecimal(value).round(DIGITS).doubleValue();
    }

    static List<Double> rounded(List<Double> values) {
        return values == null ? null : values.stream().map(Numbers::rounded).toList();
    }
}
