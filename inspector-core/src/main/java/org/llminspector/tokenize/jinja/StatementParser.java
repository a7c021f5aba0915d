package org.llminspector.tokenize.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.tokenize.jinja.runtime.Interpreter;
import org.llminspector.tokenize.jinja.runtime.JinjaError;
import org.llminspector.tokenize.jinja.runtime.Loop;
import org.llminspector.tokenize.jinja.runtime.Namespace;
import org.llminspector.tokenize.jinja.runtime.Node;
import org.llminspector.tokenize.jinja.runtime.Scope;
import org.llminspector.tokenize.jinja.runtime.Values;

/** Parser of a template's texts, expressions and statements into nodes, as jinja2/parser.py. */
final class StatementParser {

    /** Tags that only mark the assistant's answers, for training. */
    private static final Set<String> MARKS = Set.of("generation", "endgeneration");

    private final Tokens tokens;
    private final ExpressionParser grammar;

    private StatementParser(Tokens tokens) {
        this.tokens = tokens;
        this.grammar = new ExpressionParser(tokens);
    }

    /** A whole template. */
    static List<Node> read(List<Token> template) {
        Tokens tokens = new Tokens(template);
        List<Node> nodes = new StatementParser(tokens).until(Set.of());
        if (!tokens.finished()) throw tokens.unexpected("a statement that has begun");
        return nodes;
    }

    /** The nodes before one of these statements, whose name is next. */
    private List<Node> until(Set<String> ends) {
        List<Node> nodes = new ArrayList<>();
        while (!tokens.finished()) {
            Token begin = tokens.take();
            switch (begin.kind()) {
                case TEXT -> nodes.add(in -> begin.text());
                case VALUE -> {
                    Code value = code(grammar.expression(), begin.line());
                    tokens.end();
                    nodes.add(in -> Values.str(value.run(in)));
                }
                default -> {
                    if (tokens.at(Token.Kind.NAME)
                            && ends.contains(tokens.peek().text())) return nodes;
                    Node statement = statement(begin.line());
                    if (statement != null) nodes.add(statement);
                }
            }
        }
        if (!ends.isEmpty()) throw tokens.unexpected(String.join(" or ", ends));
        return nodes;
    }

    /** The nodes before a statement, which is consumed. */
    private List<Node> block(String end) {
        List<Node> nodes = until(Set.of(end));
        tokens.expect(end);
        tokens.end();
        return nodes;
    }

    /** An expression that counts a step and sets the line for errors. */
    private static Code code(Code code, int line) {
        return in -> {
            in.begin(line);
            return code.run(in);
        };
    }

    private Node statement(int line) {
        String name = tokens.at(Token.Kind.NAME) ? tokens.take().text() : "";
        switch (name) {
            case "for" -> {
                return loop(line);
            }
            case "if" -> {
                return condition(line);
            }
            case "set" -> {
                return set(line);
            }
            case "macro" -> {
                return macro(line);
            }
            case "break", "continue" -> {
                tokens.end();
                return in -> leave(in, line, name.equals("break"));
            }
            default -> {
                // Others, such as include and import, read files or are used by no known model.
                if (!MARKS.contains(name)) {
                    throw new JinjaError("the statement '" + name + "' is not supported", line, false);
                }
                tokens.end();
                return null;
            }
        }
    }

    /** {@code for a, b in items if condition ... else ...}: each iteration has its own scope. */
    private Node loop(int line) {
        List<String> names = names();
        tokens.expect("in");
        Code source = code(grammar.iterable(), line);
        Code filter = tokens.takes("if") ? code(grammar.expression(), line) : in -> true;
        tokens.end();
        List<Node> body = until(Set.of("else", "endfor"));
        List<Node> otherwise = List.of();
        if (tokens.takes("else")) {
            tokens.end();
            otherwise = until(Set.of("endfor"));
        }
        tokens.expect("endfor");
        tokens.end();
        List<Node> none = otherwise;
        return in -> {
            Scope outer = in.scope();
            List<Object> items = new ArrayList<>();
            for (Object item : Values.iterate(source.run(in))) {
                boolean passes = in.within(turn(outer, names, item), in.loop(), () -> Values.truth(filter.run(in)));
                if (passes) items.add(item);
            }
            if (items.isEmpty()) return in.within(new Scope(outer), in.loop(), () -> Node.write(none, in));
            Loop loop = new Loop(items);
            StringBuilder out = new StringBuilder();
            while (loop.next()) {
                in.step();
                Scope turn = turn(outer, names, loop.item());
                turn.set("loop", loop);
                out.append(in.within(turn, loop, () -> Node.write(body, in)));
                Interpreter.checkLength(out.length());
            }
            return out.toString();
        };
    }

    private static Scope turn(Scope outer, List<String> names, Object item) {
        Scope turn = new Scope(outer);
        assign(turn, names, item);
        return turn;
    }

    private Node condition(int line) {
        Code condition = code(grammar.expression(), line);
        tokens.end();
        List<Node> yes = until(Set.of("elif", "else", "endif"));
        int at = tokens.peek().line();
        Node no;
        if (tokens.takes("elif")) {
            no = condition(at);
        } else {
            boolean otherwise = tokens.takes("else");
            if (otherwise) tokens.end();
            List<Node> nodes = otherwise ? until(Set.of("endif")) : List.of();
            tokens.expect("endif");
            tokens.end();
            no = in -> Node.write(nodes, in);
        }
        return in -> Values.truth(condition.run(in)) ? Node.write(yes, in) : no.write(in);
    }

    /** {@code set a, b = value}, {@code set namespace.name = value}, {@code set a}...{@code endset}. */
    private Node set(int line) {
        List<String> names = names();
        String field = names.size() == 1 && tokens.takes(".") ? tokens.name() : null;
        if (field == null && names.size() == 1 && tokens.at(Token.Kind.END)) {
            tokens.end();
            List<Node> body = block("endset");
            return in -> {
                in.scope().set(names.get(0), in.within(new Scope(in.scope()), in.loop(), () -> Node.write(body, in)));
                return "";
            };
        }
        tokens.expect("=");
        Code value = code(grammar.expression(), line);
        tokens.end();
        return in -> {
            Object result = value.run(in);
            if (field == null) assign(in.scope(), names, result);
            else if (in.scope().get(names.get(0)) instanceof Namespace namespace) namespace.put(field, result);
            else throw new JinjaError("cannot assign attribute on non-namespace object");
            return "";
        };
    }

    private Node macro(int line) {
        String name = names().get(0);
        tokens.expect("(");
        Map<String, Code> parameters = new LinkedHashMap<>();
        while (!tokens.is(")")) {
            String parameter = target();
            parameters.put(parameter, tokens.takes("=") ? code(grammar.choice(), line) : in -> null);
            if (!tokens.is(")")) tokens.expect(",");
        }
        tokens.expect(")");
        tokens.end();
        List<Node> body = block("endmacro");
        return in -> {
            in.scope().set(name, new Macro(name, parameters, body, in.scope(), in));
            return "";
        };
    }

    private static String leave(Interpreter in, int line, boolean forGood) {
        if (in.loop() == null) throw new JinjaError("a jump outside of a loop", line, false);
        in.loop().leave(forGood);
        return "";
    }

    /** The names of {@code a, b} or {@code (a, b)}. */
    private List<String> names() {
        boolean brackets = tokens.takes("(");
        List<String> names = new ArrayList<>(List.of(target()));
        while (tokens.takes(",")) if (tokens.atName()) names.add(target());
        if (brackets) tokens.expect(")");
        return names;
    }

    private String target() {
        if (!tokens.atName()
                || ExpressionParser.CONSTANTS.contains(tokens.peek().text())) throw tokens.unexpected("a name to set");
        return tokens.name();
    }

    private static void assign(Scope scope, List<String> names, Object value) {
        if (names.size() == 1) {
            scope.set(names.get(0), value);
            return;
        }
        List<Object> values = Values.iterate(value);
        if (values.size() != names.size()) {
            throw new JinjaError("cannot unpack " + values.size() + " values into " + names.size() + " names");
        }
        for (int i = 0; i < names.size(); i++) scope.set(names.get(i), values.get(i));
    }
}
