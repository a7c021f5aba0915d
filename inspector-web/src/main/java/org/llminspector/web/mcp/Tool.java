package org.llminspector.web.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.llminspector.web.server.http.StrictJson;

/**
 * One tool.
 *
 * @param description for the model that chooses it
 * @param schema of its arguments
 * @param changes whether it stores something
 */
record Tool(String name, String description, Schema schema, boolean changes, Call call) {

    /** Computes an answer, which is written as JSON. Blocks. */
    interface Call {
        Object answer(JsonNode arguments, Steps steps);
    }

    /** Computes an answer from arguments of a type. */
    interface TypedCall<T> {
        Object answer(T arguments, Steps steps);
    }

    /** Progress of a call, for a client that asked for it. */
    interface Steps {
        /** @param total 0 where it is not known */
        void at(long done, long total, String note);
    }

    /** Tools about one thing. */
    interface Group {
        List<Tool> tools();
    }

    /** A tool that only reads. */
    static <T> Tool reading(String name, String description, Schema schema, Class<T> type, TypedCall<T> call) {
        return of(name, description, schema, false, type, call);
    }

    /** A tool whose result is stored. */
    static <T> Tool storing(String name, String description, Schema schema, Class<T> type, TypedCall<T> call) {
        return of(name, description, schema, true, type, call);
    }

    private static <T> Tool of(
            String name, String description, Schema schema, boolean changes, Class<T> type, TypedCall<T> call) {
        return new Tool(
                name,
                description,
                schema,
                changes,
                (arguments, steps) -> call.answer(StrictJson.convert(arguments, type, "arguments"), steps));
    }
}
