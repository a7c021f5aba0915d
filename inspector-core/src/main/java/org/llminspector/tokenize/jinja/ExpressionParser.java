package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.tokenize.jinja.runtime.Attributes;
import org.llminspector.tokenize.jinja.runtime.Callable;
import org.llminspector.tokenize.jinja.runtime.Filters;
import org.llminspector.tokenize.jinja.runtime.Interpreter;
import org.llminspector.tokenize.jinja.runtime.JinjaError;
import org.llminspector.tokenize.jinja.runtime.None;
import org.llminspector.tokenize.jinja.runtime.Operators;
import org.llminspector.tokenize.jinja.runtime.Tests;
import org.llminspector.tokenize.jinja.runtime.Tuple;
import org.llminspector.tokenize.jinja.runtime.Values;

/** Parser of expressions, with the precedence of jinja2/parser.py. */
final class ExpressionParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=", "in");

    /** Constants, which cannot be assigned. */
    static final Set<String> CONSTANTS = Set.of("none", "None", "true", "True", "false", "False");

    private final Tokens tokens;

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
    }

    /** A whole expression; {@code a, b} is a tuple. */
    Code expression() {
        return tuple(choice(), true);
    }

    /** The iterable of {@code for}: an {@code if} after it belongs to the loop. */
    Code iterable() {
        return tuple(or(), false);
    }

    private Code tuple(Code first, boolean conditional) {
        if (!tokens.is(",")) return first;
        List<Code> items = new ArrayList<>(List.of(first));
        while (tokens.takes(",")) {
            if (!tokens.at(Token.Kind.END)) items.add(conditional ? choice() : or());
        }
        return in -> new Tuple(all(items, in));
    }

    /** A conditional expression, without a tuple. */
    Code choice() {
        Code value = or();
        while (tokens.is("if")) {
            tokens.take();
            Code yes = value;
            Code condition = or();
            Code no = in -> null;
            if (tokens.is("else")) {
                tokens.take();
                no = choice();
            }
            Code otherwise = no;
            value = in -> Values.truth(condition.run(in)) ? yes.run(in) : otherwise.run(in);
        }
        return value;
    }

    private Code or() {
        Code value = and();
        while (tokens.is("or")) {
            tokens.take();
            Code a = value;
            Code b = and();
            value = in -> {
                Object v = a.run(in);
                return Values.truth(v) ? v : b.run(in);
            };
        }
        return value;
    }

    private Code and() {
        Code value = not();
        while (tokens.is("and")) {
            tokens.take();
            Code a = value;
            Code b = not();
            value = in -> {
                Object v = a.run(in);
                return Values.truth(v) ? b.run(in) : v;
            };
        }
        return value;
    }

    private Code not() {
        if (!tokens.is("not")) return compare();
        tokens.take();
        Code value = not();
        return in -> !Values.truth(value.run(in));
    }

    /** {@code a < b <= c} means both. */
    private Code compare() {
        Code first = sum();
        List<String> operators = new ArrayList<>();
        List<Code> others = new ArrayList<>();
        while (true) {
            String operator = tokens.peek().text();
            if (tokens.is("not") && tokens.isAfter("in")) {
                tokens.take();
                operator = "not in";
            } else if (!tokens.is(operator) || !COMPARISONS.contains(operator)) {
                break;
            }
            tokens.take();
            operators.add(operator);
            others.add(sum());
        }
        if (operators.isEmpty()) return first;
        return in -> {
            Object left = first.run(in);
            for (int i = 0; i < operators.size(); i++) {
                Object right = others.get(i).run(in);
                if (!Operators.compare(operators.get(i), left, right)) return false;
                left = right;
            }
            return true;
        };
    }

    private Code sum() {
        Code value = concat();
        while (tokens.is("+") || tokens.is("-")) {
            boolean plus = tokens.take().text().equals("+");
            Code a = value;
            Code b = concat();
            value = in -> in.made(
                    plus ? Operators.add(a.run(in), b.run(in)) : Operators.arithmetic("-", a.run(in), b.run(in)));
        }
        return value;
    }

    private Code concat() {
        Code value = product();
        while (tokens.is("~")) {
            tokens.take();
            Code a = value;
            Code b = product();
            value = in -> in.made(Operators.add(Values.str(a.run(in)), Values.str(b.run(in))));
        }
        return value;
    }

    private Code product() {
        Code value = unary(true, 0);
        while (tokens.is("*") || tokens.is("/") || tokens.is("//") || tokens.is("%")) {
            String operator = tokens.take().text();
            Code a = value;
            Code b = unary(true, 0);
            value = in -> in.made(Operators.arithmetic(operator, a.run(in), b.run(in)));
        }
        return value;
    }

    private Code unary(boolean filters, int depth) {
        Code value;
        if (tokens.is("-") || tokens.is("+")) {
            boolean minus = tokens.take().text().equals("-");
            Code positive = unary(false, depth + 1);
            value = in -> Operators.arithmetic(minus ? "-" : "+", 0L, positive.run(in));
        } else {
            value = postfix(primary());
        }
        return filters ? filters(value) : value;
    }

    private Code primary() {
        Token token = tokens.peek();
        switch (token.kind()) {
            case NAME -> {
                if (!tokens.atName()) throw tokens.unexpected("an expression");
                return name(tokens.take().text());
            }
            case STRING -> {
                return constant(tokens.take().text());
            }
            case INTEGER -> {
                tokens.take();
                return constant(integer(token));
            }
            case FLOAT -> {
                return constant(Double.parseDouble(tokens.take().text()));
            }
            default -> {
                if (tokens.is("(")) return parenthesis();
                if (tokens.is("{")) return map();
                tokens.expect("[");
                List<Code> items = items("]");
                return in -> all(items, in);
            }
        }
    }

    private static Code name(String name) {
        return switch (name) {
            case "none", "None" -> constant(None.NONE);
            case "true", "True" -> constant(true);
            case "false", "False" -> constant(false);
            default -> in -> in.scope().get(name);
        };
    }

    private static Long integer(Token token) {
        try {
            return Long.valueOf(token.text());
        } catch (NumberFormatException e) {
            throw new JinjaError("a number too large for this template", token.line(), false);
        }
    }

    private Code parenthesis() {
        tokens.take();
        if (tokens.is(")")) {
            tokens.take();
            return in -> new Tuple(List.of());
        }
        Code first = choice();
        if (!tokens.is(",")) {
            tokens.expect(")");
            return first;
        }
        tokens.take();
        List<Code> items = new ArrayList<>(List.of(first));
        items.addAll(items(")"));
        return in -> new Tuple(all(items, in));
    }

    private Code map() {
        tokens.take();
        List<Code> keys = new ArrayList<>();
        List<Code> values = new ArrayList<>();
        while (!tokens.is("}")) {
            keys.add(choice());
            tokens.expect(":");
            values.add(choice());
            if (!tokens.is("}")) tokens.expect(",");
        }
        tokens.take();
        return in -> {
            Map<Object, Object> map = new LinkedHashMap<>();
            for (int i = 0; i < keys.size(); i++)
                map.put(keys.get(i).run(in), values.get(i).run(in));
            return map;
        };
    }

    private Code postfix(Code start) {
        Code value = start;
        while (true) {
            Code base = value;
            if (tokens.is(".")) {
                tokens.take();
                String name = tokens.name();
                if (tokens.is("(")) {
                    Arguments arguments = arguments();
                    value = in ->
                            in.made(Attributes.call(base.run(in), name, arguments.values(in), arguments.named(in)));
                } else {
                    value = in -> Attributes.get(base.run(in), name);
                }
            } else if (tokens.is("[")) {
                value = subscript(base);
            } else if (tokens.is("(")) {
                value = call(base);
            } else {
                return value;
            }
        }
    }

    private Code call(Code function) {
        Arguments arguments = arguments();
        return in -> {
            if (function.run(in) instanceof Callable f)
                return in.made(f.call(arguments.values(in), arguments.named(in)));
            throw new JinjaError("this cannot be called: it is undefined, or no function");
        };
    }

    /** {@code x[key]}, {@code x[from:to]} or {@code x[::-1]}. */
    private Code subscript(Code base) {
        tokens.take();
        Code from = tokens.is(":") ? constant(None.NONE) : choice();
        if (!tokens.is(":")) {
            tokens.expect("]");
            return in -> Attributes.item(base.run(in), from.run(in));
        }
        tokens.take();
        if (tokens.takes(":")) {
            tokens.expect("-");
            if (!tokens.peek().text().equals("1")) throw tokens.unexpected("1, the only step that is supported");
            tokens.take();
            tokens.expect("]");
            return in -> in.made(Values.reversed(Values.slice(base.run(in), None.NONE, None.NONE)));
        }
        Code to = tokens.is("]") ? constant(None.NONE) : choice();
        tokens.expect("]");
        return in -> in.made(Values.slice(base.run(in), from.run(in), to.run(in)));
    }

    private Code filters(Code start) {
        Code value = start;
        while (true) {
            Code base = value;
            if (tokens.is("|")) {
                tokens.take();
                String name = tokens.name();
                Arguments arguments = tokens.is("(") ? arguments() : new Arguments(List.of(), Map.of());
                value = in -> in.made(Filters.apply(name, base.run(in), arguments.values(in), arguments.named(in)));
            } else if (tokens.is("is")) {
                value = test(base);
            } else if (tokens.is("(")) {
                value = call(base);
            } else {
                return value;
            }
        }
    }

    private Code test(Code value) {
        tokens.take();
        boolean negated = tokens.is("not");
        if (negated) tokens.take();
        String name = tokens.name();
        Arguments arguments = tokens.is("(")
                ? arguments()
                : new Arguments(startsValue() ? List.of(postfix(primary())) : List.of(), Map.of());
        return in -> Tests.apply(name, value.run(in), arguments.values(in), arguments.named(in)) != negated;
    }

    private boolean startsValue() {
        return switch (tokens.peek().kind()) {
            case NAME -> tokens.atName();
            case STRING, INTEGER, FLOAT -> true;
            default -> tokens.is("(") || tokens.is("[") || tokens.is("{");
        };
    }

    /** A call's positional and named arguments. */
    private record Arguments(List<Code> places, Map<String, Code> names) {
        List<Object> values(Interpreter in) {
            return all(places, in);
        }

        Map<String, Object> named(Interpreter in) {
            Map<String, Object> values = new LinkedHashMap<>();
            names.forEach((name, code) -> values.put(name, code.run(in)));
            return values;
        }
    }

    private Arguments arguments() {
        tokens.take();
        List<Code> places = new ArrayList<>();
        Map<String, Code> names = new LinkedHashMap<>();
        while (!tokens.is(")")) {
            if (tokens.at(Token.Kind.NAME) && tokens.isAfter("=")) {
                String name = tokens.name();
                tokens.take();
                names.put(name, choice());
            } else {
                places.add(choice());
            }
            if (!tokens.is(")")) tokens.expect(",");
        }
        tokens.take();
        return new Arguments(places, names);
    }

    private List<Code> items(String end) {
        List<Code> items = new ArrayList<>();
        while (!tokens.is(end)) {
            items.add(choice());
            if (!tokens.is(end)) tokens.expect(",");
        }
        tokens.take();
        return items;
    }

    private static List<Object> all(List<Code> items, Interpreter in) {
        List<Object> values = new ArrayList<>(items.size());
        for (Code item : items) values.add(item.run(in));
        return values;
    }

    private static Code constant(Object value) {
        return in -> value;
    }
}
