package org.llminspector.tokenize.jinja.runtime;

import java.util.ArrayList;
import java.util.List;

/** Python's operators on JSON values. */
public final class Operators {

    private Operators() {}

    public static boolean compare(String operator, Object a, Object b) {
        return switch (operator) {
            case "==" -> Values.equal(a, b);
            case "!=" -> !Values.equal(a, b);
            case "in" -> Values.contains(b, a);
            case "not in" -> !Values.contains(b, a);
            case "<" -> Values.compare(a, b) < 0;
            case "<=" -> Values.compare(a, b) <= 0;
            case ">" -> Values.compare(a, b) > 0;
            default -> Values.compare(a, b) >= 0;
        };
    }

    public static Object add(Object a, Object b) {
        if (a instanceof String x && b instanceof String y) {
            Interpreter.checkLength((long) x.length() + y.length());
            return x + y;
        }
        if (a instanceof List<?> x && b instanceof List<?> y && (a instanceof Tuple) == (b instanceof Tuple)) {
            Interpreter.checkLength((long) x.size() + y.size());
            List<Object> all = new ArrayList<>(x);
            all.addAll(y);
            return a instanceof Tuple ? new Tuple(all) : all;
        }
        if (a instanceof String && b != null) {
            throw new JinjaError("can only concatenate str (not \"" + Values.type(b) + "\") to str");
        }
        return arithmetic("+", a, b);
    }

    public static Object arithmetic(String operator, Object a, Object b) {
        if (a == null || b == null) throw new JinjaError("a value is undefined");
        if (operator.equals("*") && (a instanceof String || b instanceof String)) return repeat(a, b);
        if (operator.equals("%") && a instanceof String format) return Format.percent(format, b);
        if (!Values.isNumber(a) || !Values.isNumber(b)) {
            throw new JinjaError("unsupported operand type(s) for " + operator + ": '" + Values.type(a) + "' and '"
                    + Values.type(b) + "'");
        }
        boolean whole = Values.integral(a) && Values.integral(b);
        return whole && !operator.equals("/")
                ? whole(operator, Values.integer(a), Values.integer(b))
                : real(operator, Values.real(a), Values.real(b));
    }

    private static Object whole(String operator, long a, long b) {
        if ((operator.equals("//") || operator.equals("%")) && b == 0) throw new JinjaError("division by zero");
        try {
            return switch (operator) {
                case "+" -> Math.addExact(a, b);
                case "-" -> Math.subtractExact(a, b);
                case "*" -> Math.multiplyExact(a, b);
                case "//" -> Math.floorDiv(a, b);
                default -> Math.floorMod(a, b);
            };
        } catch (ArithmeticException e) {
            throw new JinjaError("a number too large for this template");
        }
    }

    private static Object real(String operator, double a, double b) {
        if (b == 0 && "//%".contains(operator)) throw new JinjaError("division by zero");
        return switch (operator) {
            case "+" -> a + b;
            case "-" -> a - b;
            case "*" -> a * b;
            case "/" -> a / b;
            case "//" -> Math.floor(a / b);
            default -> a - b * Math.floor(a / b);
        };
    }

    private static Object repeat(Object a, Object b) {
        String text = a instanceof String s ? s : (String) b;
        long times = Math.max(0, Values.integer(a instanceof String ? b : a));
        Interpreter.checkLength(Math.multiplyHigh(text.length(), times) > 0 ? Long.MAX_VALUE : text.length() * times);
        return text.repeat((int) times);
    }
}
