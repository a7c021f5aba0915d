package org.llminspector.tokenize.jinja.runtime;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Pattern;
import org.llminspector.tokenize.jinja.runtime.Parameters.Given;

/** Parser of numbers as Python's int() and float(), for Jinja2's filter int. */
public final class PyNumbers {

    private static final Pattern FLOAT = Pattern.compile(
            "[+-]?([0-9](_?[0-9])*\\.?([0-9](_?[0-9])*)?|\\.[0-9](_?[0-9])*)([eE][+-]?[0-9](_?[0-9])*)?");

    private PyNumbers() {}

    /** The parameters are the default for non-numbers, and the base of a text's digits. */
    static Object integer(Object v, Given g) {
        Object otherwise = g.get(0, 0L);
        if (v == null) throw new JinjaError("a value that is undefined has no int");
        if (v instanceof String s) {
            BigInteger whole = whole(Strings.strip(s), Values.integer(g.get(1, 10L)));
            if (whole == null) whole = truncated(Strings.strip(s));
            return whole == null ? otherwise : number(whole);
        }
        if (!Values.isNumber(v)) return otherwise;
        if (Values.integral(v)) return Values.integer(v);
        double d = Values.real(v);
        if (Double.isInfinite(d)) throw new JinjaError("cannot convert float infinity to integer");
        return Double.isNaN(d) ? otherwise : number(new BigDecimal(d).toBigInteger());
    }

    private static Object number(BigInteger n) {
        if (n.bitLength() < Long.SIZE) return n.longValue();
        throw new JinjaError("whole numbers of more than 64 bits are not supported");
    }

    /** Digits of a base from 2 to 36; base 0 takes it from the prefix. Null for other texts. */
    private static BigInteger whole(String text, long base) {
        if (base != 0 && (base < 2 || base > 36)) return null;
        boolean negative = text.startsWith("-");
        String digits = (negative || text.startsWith("+") ? text.substring(1) : text).toLowerCase(Locale.ROOT);
        int radix = (int) base;
        String prefix = digits.length() > 2 ? digits.substring(0, 2) : "";
        int named = prefix.equals("0x") ? 16 : prefix.equals("0o") ? 8 : prefix.equals("0b") ? 2 : 0;
        if (named > 0 && (base == 0 || base == named)) {
            radix = named;
            digits = digits.substring(2);
            if (digits.startsWith("_")) digits = digits.substring(1);
        } else if (base == 0) {
            radix = 10;
            if (digits.matches("0[0-9_]*[1-9_].*")) return null; // 012 is invalid in base 0
        }
        if (!digits.matches("[0-9a-z](_?[0-9a-z])*")) return null;
        try {
            BigInteger n = new BigInteger(digits.replace("_", ""), radix);
            return negative ? n.negate() : n;
        } catch (NumberFormatException e) {
            return null;
        }
    }

    /** A text with a point or an exponent, truncated to an integer; null where it is no number, or infinite. */
    private static BigInteger truncated(String text) {
        if (!FLOAT.matcher(text).matches()) return null;
        double d = Double.parseDouble(text.replace("_", ""));
        return Double.isInfinite(d) ? null : new BigDecimal(d).toBigInteger();
    }
}
