package org.llminspector.tokenize.jinja;

import com.hubspot.jinjava.el.ext.ExtendedParser;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jinjava.de.odysseus.el.tree.impl.Builder;
import jinjava.de.odysseus.el.tree.impl.Scanner.ScanException;
import jinjava.de.odysseus.el.tree.impl.Scanner.Symbol;
import jinjava.de.odysseus.el.tree.impl.ast.AstNode;
import org.llminspector.tokenize.jinja.Expressions.Code;
import org.llminspector.tokenize.jinja.Expressions.Eval;

/** Grammar parses an expression in the order of jinja2/parser.py, from jinjava's tokens. */
final class Grammar extends ExtendedParser {

    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=", "in");

    Grammar(Builder builder, String input) {
        super(builder, input);
    }

    /** The whole expression; {@code a, b} is a tuple. */
    @Override
    protected AstNode expr(boolean required) throws ScanException, ParseException {
        Code first = choice();
        if (!is(",")) return first;
        List<Code> items = new ArrayList<>(List.of(first));
        while (is(",")) {
            consumeToken();
            if (getToken().getSymbol() != Symbol.END_EVAL) items.add(choice());
        }
        return new Code(in -> new Tuple(all(items, in)));
    }

    private Code choice() throws ScanException, ParseException {
        Code value = or();
        while (is("if")) {
            consumeToken();
            Code yes = value;
            Code condition = or();
            Code no = new Code(in -> null);
            if (is("else")) {
                consumeToken();
                no = choice();
            }
            Code otherwise = no;
            value = new Code(in -> Values.truth(condition.run(in)) ? yes.run(in) : otherwise.run(in));
        }
        return value;
    }

    private Code or() throws ScanException, ParseException {
        Code value = and();
        while (is("or")) {
            consumeToken();
            Code a = value;
            Code b = and();
            value = new Code(in -> {
                Object v = a.run(in);
                return Values.truth(v) ? v : b.run(in);
            });
        }
        return value;
    }

    private Code and() throws ScanException, ParseException {
        Code value = not();
        while (is("and")) {
            consumeToken();
            Code a = value;
            Code b = not();
            value = new Code(in -> {
                Object v = a.run(in);
                return Values.truth(v) ? b.run(in) : v;
            });
        }
        return value;
    }

    private Code not() throws ScanException, ParseException {
        if (!is("not")) return compare();
        consumeToken();
        Code value = not();
        return new Code(in -> !Values.truth(value.run(in)));
    }

    /** {@code a < b <= c} is both. */
    private Code compare() throws ScanException, ParseException {
        Code first = sum();
        List<String> operators = new ArrayList<>();
        List<Code> others = new ArrayList<>();
        while (true) {
            String operator = getToken().getImage();
            if (is("not") && "in".equals(lookahead(0).getImage())) {
                consumeToken();
                operator = "not in";
            } else if (!COMPARISONS.contains(operator)) {
                break;
            }
            consumeToken();
            operators.add(operator);
            others.add(sum());
        }
        if (operators.isEmpty()) return first;
        return new Code(in -> {
            Object left = first.run(in);
            for (int i = 0; i < operators.size(); i++) {
                Object right = others.get(i).run(in);
                if (!Operators.compare(operators.get(i), left, right)) return false;
                left = right;
            }
            return true;
        });
    }

    private Code sum() throws ScanException, ParseException {
        Code value = concat();
        while (is("+") || is("-")) {
            boolean plus = consumeToken().getImage().equals("+");
            Code a = value;
            Code b = concat();
            value = new Code(in -> in.made(
                    plus ? Operators.add(a.run(in), b.run(in)) : Operators.arithmetic("-", a.run(in), b.run(in))));
        }
        return value;
    }

    private Code concat() throws ScanException, ParseException {
        Code value = product();
        while (is("~")) {
            consumeToken();
            Code a = value;
            Code b = product();
            value = new Code(in -> in.made(Operators.add(Values.str(a.run(in)), Values.str(b.run(in)))));
        }
        return value;
    }

    private Code product() throws ScanException, ParseException {
        Code value = unary(true, 0);
        while (is("*") || is("/") || is("//") || is("%")) {
            String operator = consumeToken().getImage();
            Code a = value;
            Code b = unary(true, 0);
            value = new Code(in -> in.made(Operators.arithmetic(operator, a.run(in), b.run(in))));
        }
        return value;
    }

    private Code unary(boolean filters, int depth) throws ScanException, ParseException {
        Code value;
        if (is("-") || is("+")) {
            boolean minus = consumeToken().getImage().equals("-");
            Code positive = unary(false, depth + 1);
            value = new Code(in -> Operators.arithmetic(minus ? "-" : "+", 0L, positive.run(in)));
        } else {
            value = postfix(primary());
        }
        return filters ? filters(value) : value;
    }

    private Code primary() throws ScanException, ParseException {
        String image = getToken().getImage();
        switch (getToken().getSymbol()) {
            case IDENTIFIER -> {
                consumeToken();
                return image.equals("none") || image.equals("None")
                        ? constant(None.NONE)
                        : new Code(in -> in.scope().get(image));
            }
            case TRUE, FALSE -> {
                consumeToken();
                return constant(image.equalsIgnoreCase("true"));
            }
            case INTEGER -> {
                return constant(parseInteger(consumeToken().getImage()));
            }
            case FLOAT -> {
                return constant(parseFloat(consumeToken().getImage()));
            }
            case LPAREN -> {
                return parenthesis();
            }
            case LBRACK -> {
                consumeToken();
                List<Code> items = items("]");
                return new Code(in -> all(items, in));
            }
            default -> {
                if (!is("{")) fail("an expression");
                return map();
            }
        }
    }

    private Code parenthesis() throws ScanException, ParseException {
        consumeToken();
        if (is(")")) {
            consumeToken();
            return new Code(in -> new Tuple(List.of()));
        }
        Code first = choice();
        if (!is(",")) {
            close(")");
            return first;
        }
        consumeToken();
        List<Code> items = new ArrayList<>(List.of(first));
        items.addAll(items(")"));
        return new Code(in -> new Tuple(all(items, in)));
    }

    private Code map() throws ScanException, ParseException {
        consumeToken();
        List<Code> keys = new ArrayList<>();
        List<Code> values = new ArrayList<>();
        while (!is("}")) {
            keys.add(choice());
            close(":");
            values.add(choice());
            if (!is("}")) close(",");
        }
        consumeToken();
        return new Code(in -> {
            Map<Object, Object> map = new LinkedHashMap<>();
            for (int i = 0; i < keys.size(); i++)
                map.put(keys.get(i).run(in), values.get(i).run(in));
            return map;
        });
    }

    private Code postfix(Code start) throws ScanException, ParseException {
        Code value = start;
        while (true) {
            Code base = value;
            if (is(".")) {
                consumeToken();
                String name = consumeToken().getImage();
                if (is("(")) {
                    Arguments arguments = arguments();
                    value = new Code(in ->
                            in.made(Attributes.call(base.run(in), name, arguments.values(in), arguments.named(in))));
                } else {
                    value = new Code(in -> Attributes.get(base.run(in), name));
                }
            } else if (is("[")) {
                value = subscript(base);
            } else if (is("(")) {
                value = call(base);
            } else {
                return value;
            }
        }
    }

    private Code call(Code function) throws ScanException, ParseException {
        Arguments arguments = arguments();
        return new Code(in -> {
            if (function.run(in) instanceof Callable f)
                return in.made(f.call(arguments.values(in), arguments.named(in)));
            throw new JinjaError("this cannot be called: it is undefined, or no function");
        });
    }

    private Code subscript(Code base) throws ScanException, ParseException {
        consumeToken();
        Code from = is(":") ? constant(None.NONE) : choice();
        if (!is(":")) {
            close("]");
            return new Code(in -> Attributes.item(base.run(in), from.run(in)));
        }
        consumeToken();
        Code to = is("]") ? constant(None.NONE) : choice();
        close("]");
        return new Code(in -> in.made(Values.slice(base.run(in), from.run(in), to.run(in))));
    }

    private Code filters(Code start) throws ScanException, ParseException {
        Code value = start;
        while (true) {
            Code base = value;
            if (is("|")) {
                consumeToken();
                String name = consumeToken().getImage();
                Filters.check(name);
                Arguments arguments = is("(") ? arguments() : new Arguments(List.of(), Map.of());
                value = new Code(
                        in -> in.made(Filters.apply(name, base.run(in), arguments.values(in), arguments.named(in))));
            } else if (is("is")) {
                value = test(base);
            } else if (is("(")) {
                value = call(base);
            } else {
                return value;
            }
        }
    }

    private Code test(Code value) throws ScanException, ParseException {
        consumeToken();
        boolean negated = is("not");
        if (negated) consumeToken();
        String name = consumeToken().getImage();
        Tests.check(name);
        Eval argument = in -> null;
        if (is("(")) {
            Arguments arguments = arguments();
            argument = in ->
                    arguments.values(in).isEmpty() ? null : arguments.values(in).get(0);
        } else if (startsValue()) {
            argument = postfix(primary())::run;
        }
        Eval other = argument;
        return new Code(in -> Tests.apply(name, value.run(in), other.of(in)) != negated);
    }

    private boolean startsValue() {
        return switch (getToken().getSymbol()) {
            case IDENTIFIER -> !is("is");
            case INTEGER, FLOAT, TRUE, FALSE, LPAREN, LBRACK -> true;
            default -> is("{");
        };
    }

    /** Arguments are those of a call, by place and by name. */
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

    private Arguments arguments() throws ScanException, ParseException {
        consumeToken();
        List<Code> places = new ArrayList<>();
        Map<String, Code> names = new LinkedHashMap<>();
        while (!is(")")) {
            if (getToken().getSymbol() == Symbol.IDENTIFIER
                    && "=".equals(lookahead(0).getImage())) {
                String name = consumeToken().getImage();
                consumeToken();
                names.put(name, choice());
            } else {
                places.add(choice());
            }
            if (!is(")")) close(",");
        }
        consumeToken();
        return new Arguments(places, names);
    }

    private List<Code> items(String end) throws ScanException, ParseException {
        List<Code> items = new ArrayList<>();
        while (!is(end)) {
            items.add(choice());
            if (!is(end)) close(",");
        }
        consumeToken();
        return items;
    }

    private static List<Object> all(List<Code> items, Interpreter in) {
        List<Object> values = new ArrayList<>(items.size());
        for (Code item : items) values.add(item.run(in));
        return values;
    }

    private static Code constant(Object value) {
        return new Code(in -> value);
    }

    private boolean is(String image) {
        return image.equals(getToken().getImage());
    }

    private void close(String image) throws ScanException, ParseException {
        if (!is(image)) fail("'" + image + "'");
        consumeToken();
    }
}
