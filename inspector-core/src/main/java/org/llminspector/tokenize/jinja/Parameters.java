package org.llminspector.tokenize.jinja;

import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Parameters are those of a filter, a test, a function or a method, in their order. What a template gives is put in their places
 * by Python's rules: one too many, one of another name and one that is missing are refused, and none is dropped.
 *
 * @param of what has them, for errors
 * @param required how many of the first must be given
 * @param positional whether they have no names, as those of Python's own functions often have not
 */
record Parameters(String of, List<String> names, int required, boolean positional) {

    /** Given is what a template gave, a place a parameter. */
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

    /** @param names those that may be left out end with "=" */
    static Parameters of(String of, String... names) {
        return of(of, false, names);
    }

    /** The same, given by place only. */
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
