package org.llminspector.tokenize.jinja;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.FlexibleTag;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.TagToken;
import java.util.ArrayList;
import java.util.List;

/** Statement is a tag of jinjava's that runs by Jinja2's rules. */
enum Statement implements Tag, FlexibleTag {
    /** {@code for a, b in items if condition ... else ...}: each turn has its own scope. */
    FOR("endfor") {
        @Override
        String run(TagNode node, Interpreter in) {
            String helpers = node.getHelpers();
            int of = Text.word(helpers, "in", 0);
            if (of < 0) throw new JinjaError("expected token 'in'", node.getLineNumber(), false);
            String[] names = Text.names(helpers.substring(0, of));
            String rest = helpers.substring(of + 2);
            int filter = Text.word(rest, "if", 0);
            String source = filter < 0 ? rest : rest.substring(0, filter);
            Scope outer = in.scope();
            List<Object> items = new ArrayList<>();
            for (Object item : Values.iterate(value(node, in, source))) {
                if (filter < 0 || passes(node, in, turn(outer, names, item), rest.substring(filter + 2)))
                    items.add(item);
            }
            List<Node> body = new ArrayList<>(node.getChildren());
            List<Node> otherwise = List.of();
            for (int i = 0; i < body.size(); i++) {
                if (!named(body.get(i), "else")) continue;
                otherwise = body.subList(i + 1, body.size());
                body = body.subList(0, i);
            }
            List<Node> each = body;
            List<Node> none = otherwise;
            if (items.isEmpty()) return in.within(new Scope(outer), in.loop(), () -> in.write(none));
            Loop loop = new Loop(items);
            StringBuilder out = new StringBuilder();
            while (loop.next()) {
                in.step();
                Scope turn = turn(outer, names, loop.item());
                turn.set("loop", loop);
                out.append(in.within(turn, loop, () -> in.write(each)));
                Interpreter.checkLength(out.length());
            }
            return out.toString();
        }
    },

    IF("endif") {
        @Override
        String run(TagNode node, Interpreter in) {
            boolean taken = Values.truth(value(node, in, node.getHelpers()));
            List<Node> body = new ArrayList<>();
            for (Node child : node.getChildren()) {
                if (named(child, "elif") || named(child, "else")) {
                    if (taken) break;
                    taken = named(child, "else")
                            || Values.truth(value((TagNode) child, in, ((TagNode) child).getHelpers()));
                } else if (taken) {
                    body.add(child);
                }
            }
            return in.write(body);
        }
    },

    /** Not a statement of its own: {@link #IF} and {@link #FOR} look for it. */
    ELIF(null) {
        @Override
        String run(TagNode node, Interpreter in) {
            throw new JinjaError("Encountered unknown tag 'elif'", node.getLineNumber(), false);
        }
    },

    ELSE(null) {
        @Override
        String run(TagNode node, Interpreter in) {
            throw new JinjaError("Encountered unknown tag 'else'", node.getLineNumber(), false);
        }
    },

    /** {@code set a, b = value}, {@code set namespace.name = value}, {@code set a}...{@code endset}. */
    SET("endset") {
        @Override
        public boolean hasEndTag(TagToken token) {
            return token.getHelpers().indexOf('=') < 0;
        }

        @Override
        String run(TagNode node, Interpreter in) {
            String helpers = node.getHelpers();
            int is = helpers.indexOf('=');
            if (is < 0) {
                String name = Text.names(helpers)[0];
                in.scope().set(name, in.within(new Scope(in.scope()), in.loop(), () -> in.write(node.getChildren())));
                return "";
            }
            Object value = value(node, in, helpers.substring(is + 1));
            String target = helpers.substring(0, is).strip();
            int dot = target.indexOf('.');
            if (dot < 0) {
                assign(in.scope(), Text.names(target), value);
            } else if (in.scope().get(target.substring(0, dot).strip()) instanceof Namespace namespace) {
                namespace.put(target.substring(dot + 1).strip(), value);
            } else {
                throw new JinjaError("cannot assign attribute on non-namespace object");
            }
            return "";
        }
    },

    MACRO("endmacro") {
        @Override
        String run(TagNode node, Interpreter in) {
            Macro macro = Macro.of(node, in);
            in.scope().set(macro.name(), macro);
            return "";
        }
    },

    BREAK(null) {
        @Override
        String run(TagNode node, Interpreter in) {
            return leave(node, in, true);
        }
    },

    CONTINUE(null) {
        @Override
        String run(TagNode node, Interpreter in) {
            return leave(node, in, false);
        }
    };

    private final String end;

    Statement(String end) {
        this.end = end;
    }

    abstract String run(TagNode node, Interpreter in);

    @Override
    public String interpret(TagNode node, JinjavaInterpreter interpreter) {
        return run(node, (Interpreter) interpreter);
    }

    @Override
    public String getName() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    @Override
    public String getEndTagName() {
        return end;
    }

    @Override
    public boolean hasEndTag(TagToken token) {
        return end != null;
    }

    static Object value(TagNode node, Interpreter in, String expression) {
        if (expression.isBlank()) throw new JinjaError("Expected an expression", node.getLineNumber(), false);
        return in.resolveELExpression(expression, node.getLineNumber());
    }

    static void assign(Scope scope, String[] names, Object value) {
        if (names.length == 1) {
            scope.set(names[0], value);
            return;
        }
        List<Object> values = Values.iterate(value);
        if (values.size() != names.length) {
            throw new JinjaError("cannot unpack " + values.size() + " values into " + names.length + " names");
        }
        for (int i = 0; i < names.length; i++) scope.set(names[i], values.get(i));
    }

    private static boolean passes(TagNode node, Interpreter in, Scope turn, String condition) {
        return in.within(turn, in.loop(), () -> Values.truth(value(node, in, condition)) ? "yes" : "")
                .equals("yes");
    }

    private static Scope turn(Scope outer, String[] names, Object item) {
        Scope turn = new Scope(outer);
        assign(turn, names, item);
        return turn;
    }

    private static boolean named(Node node, String name) {
        return node instanceof TagNode tag && tag.getName().equals(name);
    }

    private static String leave(TagNode node, Interpreter in, boolean forGood) {
        if (in.loop() == null) throw new JinjaError("a jump outside of a loop", node.getLineNumber(), false);
        in.loop().leave(forGood);
        return "";
    }
}
