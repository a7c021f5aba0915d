package org.llminspector.tokenize.jinja.runtime;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

/** Jinja2's tests, the words after {@code is}, as in jinja2/tests.py. */
public final class Tests {

    private static final Map<String, BiPredicate<Object, Object>> ALL = new HashMap<>();

    static {
        ALL.put("defined", (v, a) -> v != null);
        ALL.put("undefined", (v, a) -> v == null);
        ALL.put("none", (v, a) -> v == None.NONE);
        ALL.put("string", (v, a) -> v instanceof String);
        ALL.put("mapping", (v, a) -> v instanceof Map<?, ?> && !(v instanceof Namespace));
        ALL.put("sequence", (v, a) -> v == null || iterable(v));
        ALL.put("iterable", (v, a) -> v == null || iterable(v));
        ALL.put("number", (v, a) -> Values.isNumber(v));
        ALL.put("integer", (v, a) -> v instanceof Long || v instanceof Integer);
        ALL.put("float", (v, a) -> v instanceof Number && !Values.integral(v));
        ALL.put("boolean", (v, a) -> v instanceof Boolean);
        ALL.put("true", (v, a) -> Boolean.TRUE.equals(v));
        ALL.put("false", (v, a) -> Boolean.FALSE.equals(v));
        ALL.put("callable", (v, a) -> v == null || v instanceof Callable);
        ALL.put("odd", (v, a) -> Math.floorMod(Values.integer(v), 2) == 1);
        ALL.put("even", (v, a) -> Math.floorMod(Values.integer(v), 2) == 0);
        ALL.put("divisibleby", (v, a) -> Math.floorMod(Values.integer(v), Values.integer(a)) == 0);
        ALL.put("in", (v, a) -> Values.contains(a, v));
        for (String name : List.of("equalto", "eq", "==")) ALL.put(name, Values::equal);
        for (String name : List.of("ne", "!=")) ALL.put(name, (v, a) -> !Values.equal(v, a));
        for (String name : List.of("lt", "<", "lessthan")) ALL.put(name, (v, a) -> Values.compare(v, a) < 0);
        for (String name : List.of("gt", ">", "greaterthan")) ALL.put(name, (v, a) -> Values.compare(v, a) > 0);
        for (String name : List.of("le", "<=")) ALL.put(name, (v, a) -> Values.compare(v, a) <= 0);
        for (String name : List.of("ge", ">=")) ALL.put(name, (v, a) -> Values.compare(v, a) >= 0);
    }

    /** Signatures of tests that take another value; the others take none. */
    private static final Map<String, Parameters> COMPARING = new HashMap<>();

    static {
        COMPARING.put("divisibleby", Parameters.of("the test 'divisibleby'", "num"));
        COMPARING.put("in", Parameters.of("the test 'in'", "seq"));
        for (String name : List.of(
                "equalto",
                "eq",
                "==",
                "ne",
                "!=",
                "lt",
                "<",
                "lessthan",
                "gt",
                ">",
                "greaterthan",
                "le",
                "<=",
                "ge",
                ">=")) COMPARING.put(name, Parameters.positional("the test '" + name + "'", "other"));
    }

    private Tests() {}

    public static boolean apply(String name, Object value, List<Object> args, Map<String, Object> named) {
        BiPredicate<Object, Object> test = ALL.get(name);
        if (test == null) throw new JinjaError("the test '" + name + "' is not supported");
        Parameters comparing = COMPARING.get(name);
        if (comparing != null)
            return test.test(value, comparing.bind(args, named).get(0));
        Parameters.of("the test '" + name + "'").bind(args, named);
        return test.test(value, null);
    }

    private static boolean iterable(Object v) {
        return v instanceof String || v instanceof List<?> || (v instanceof Map<?, ?> && !(v instanceof Namespace));
    }
}
