package org.llminspector.tokenize.jinja;

import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.jinja.runtime.Functions;
import org.llminspector.tokenize.jinja.runtime.Interpreter;
import org.llminspector.tokenize.jinja.runtime.JinjaError;
import org.llminspector.tokenize.jinja.runtime.Node;
import org.llminspector.tokenize.jinja.runtime.None;
import org.llminspector.tokenize.jinja.runtime.Scope;

/** A compiled template. Safe on any thread. */
public final class Jinja {

    /** Longest template, characters; the longest known (tool use of Hermes) has 20,000. */
    private static final int MAX_TEMPLATE = 1 << 20;

    private final String source;
    private final String where;
    private final List<Node> nodes;
    private final Clock clock;

    private Jinja(String source, String where, List<Node> nodes, Clock clock) {
        this.source = source;
        this.where = where;
        this.nodes = nodes;
        this.clock = clock;
    }

    /**
     * Compiles a template; a broken one is a Problem that names its line.
     *
     * @param where the file, for messages
     * @param clock read by strftime_now
     */
    public static Jinja compile(String template, String where, Clock clock) {
        if (template.length() > MAX_TEMPLATE) {
            throw Problem.tooLarge("the chat template is too long")
                    .where(where)
                    .expected("at most " + MAX_TEMPLATE + " characters")
                    .found(template.length() + " characters");
        }
        return guarded(where, () -> new Jinja(template, where, StatementParser.read(Lexer.tokens(template)), clock));
    }

    /** The template's source. */
    public String source() {
        return source;
    }

    /**
     * Renders the template.
     *
     * @param variables JSON values: maps, lists, strings, numbers, booleans, null for None
     */
    public String render(Map<String, ?> variables) {
        return guarded(where, () -> {
            Interpreter in = new Interpreter();
            try {
                Functions.all(clock).forEach(in.scope()::set);
                Scope scope = new Scope(in.scope());
                variables.forEach((name, value) -> scope.set(name, python(value)));
                return in.within(scope, null, () -> Node.write(nodes, in));
            } catch (JinjaError e) {
                throw e.line() > 0 ? e : new JinjaError(e.getMessage(), in.line(), e.raised());
            } catch (RuntimeException e) {
                // A filter or function received an argument that it cannot process.
                throw new JinjaError(e.getMessage(), in.line(), false);
            }
        });
    }

    private static <T> T guarded(String where, Supplier<T> work) {
        try {
            return work.get();
        } catch (JinjaError e) {
            String place = e.line() > 0 ? where + ", line " + e.line() : where;
            if (e.raised()) {
                throw Problem.invalid("the chat template refuses these messages")
                        .where(place)
                        .found(e.getMessage());
            }
            throw Problem.invalid("the chat template cannot be rendered")
                    .where(place)
                    .found(e.getMessage())
                    .causedBy(e);
        } catch (StackOverflowError e) {
            throw Problem.invalid("the chat template is nested too deeply").where(where);
        }
    }

    /** Converts JSON's null to None and integers to long. */
    private static Object python(Object value) {
        if (value == null) return None.NONE;
        if (value instanceof Integer i) return i.longValue();
        if (value instanceof Float f) return f.doubleValue();
        if (value instanceof List<?> list) {
            List<Object> items = new ArrayList<>();
            for (Object item : list) items.add(python(item));
            return items;
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> items = new LinkedHashMap<>();
            map.forEach((k, v) -> items.put(k, python(v)));
            return items;
        }
        if (value instanceof String || value instanceof Long || value instanceof Double || value instanceof Boolean) {
            return value;
        }
        throw new JinjaError("a value that is not JSON's: " + value.getClass().getSimpleName());
    }
}
