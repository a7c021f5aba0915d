package org.llminspector.tokenize.jinja.runtime;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Signature of a filter, test, function or method. Binds arguments by Python's rules: surplus, unknown and missing ones
 * are errors, and none is dropped.
 *
 * @param of its owner's name, for errors
 * @param required number of leading parameters without a default
 * @param positional whether they are positional-only, as in many of Python's own functions
 */
public record Parameters(String of, List<String> names, int required, boolean positional) {

    /** Bound arguments, one per parameter. */
    record Given(Parameters parameters, Object[] values, boolean[] there) {

        boolean has(int i) {
            return there[i];
        }

        /** The value; undefined (null) where it was not given. */
        Object get(int i) {
            return values[i];
        }

        Object get(int i, Object otherwise) {
            return there[i] ? values[i] : otherwise;
        }

        /** Whether it was given, and is not None. */
        boolean some(int i) {
            return there[i] && values[i] != None.NONE;
        }

        String text(int i) {
            if (values[i] instanceof String s) return s;
            throw new JinjaError(
                    parameters.of + ": " + parameters.names.get(i) + " must be str, not " + Values.type(values[i]));
        }

        boolean truth(int i) {
            return Values.truth(values[i]);
        }
    }

    /** @param names optional ones end with "=" */
    static Parameters of(String of, String... names) {
        return of(of, false, names);
    }

    /** The same, positional-only. */
    static Parameters positional(String of, String... names) {
        return of(of, true, names);
    }

    private static Parameters of(String of, boolean positional, String... names) {
        int required = (int) Arrays.stream(names).filter(n -> !n.endsWith("=")).count();
        List<String> plain = Arrays.stream(names).map(n -> n.replace("=", "")).toList();
        return new Parameters(of, plain, required, positional);
    }

    Given bind(List<Object> args, Map<String, Object> named) {
        Object[] values = new Object[names.size()];
        boolean[] there = new boolean[names.size()];
        if (args.size() > names.size()) {
            throw new JinjaError(of + " takes at most " + names.size() + " arguments here (" + args.size() + " given)");
        }
        for (int i = 0; i < args.size(); i++) {
            values[i] = args.get(i);
            there[i] = true;
        }
        named.forEach((name, value) -> {
            int i = positional ? -1 : names.indexOf(name);
            if (i < 0) throw new JinjaError(of + " has no argument '" + name + "' here");
            if (there[i]) throw new JinjaError(of + " got two values for its argument '" + name + "'");
            values[i] = value;
            there[i] = true;
        });
        for (int i = 0; i < required; i++) {
            if (!there[i]) throw new JinjaError(of + " lacks its argument '" + names.get(i) + "'");
        }
        return new Given(this, values, there);
    }
}
