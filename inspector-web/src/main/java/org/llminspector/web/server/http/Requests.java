package org.llminspector.web.server.http;

import io.javalin.http.Context;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Problem;

/** Reader of a request's parts: bodies, which {@link Bodies} bounds, and numbers in the query. */
public final class Requests {

    private Requests() {}

    public static <T> T body(Context ctx, Class<T> type) {
        return StrictJson.read(bytes(ctx), type, "the request's body");
    }

    /** The body, with a limit below that of {@link Bodies}. */
    public static <T> T body(Context ctx, Class<T> type, long limit) {
        byte[] bytes = bytes(ctx);
        if (bytes.length <= limit) return StrictJson.read(bytes, type, "the request's body");
        throw Problem.tooLarge("the request's body is too large")
                .where("the request's body")
                .expected("at most " + limit + " bytes")
                .found(bytes.length + " bytes");
    }

    /** The body, where an empty one means an object without fields. */
    public static <T> T optionalBody(Context ctx, Class<T> type) {
        byte[] bytes = bytes(ctx);
        return StrictJson.read(bytes.length == 0 ? new byte[] {'{', '}'} : bytes, type, "the request's body");
    }

    private static byte[] bytes(Context ctx) {
        try {
            return ctx.req().getInputStream().readAllBytes();
        } catch (IOException e) {
            throw Problem.invalid("the request's body broke off").found(e.getMessage());
        }
    }

    public static int number(Context ctx, String name, int standard, int least, int most) {
        String text = ctx.queryParam(name);
        if (text == null) return standard;
        try {
            int n = Integer.parseInt(text);
            if (n >= least && n <= most) return n;
        } catch (NumberFormatException e) {
            // Refused below.
        }
        throw Problem.invalid("the query parameter does not fit")
                .where(name)
                .expected("a whole number from " + least + " to " + most)
                .found('"' + text + '"');
    }

    /** One of a query parameter's names, which are those of an enum in lower case. */
    public static <E extends Enum<E>> E choice(Context ctx, String name, E standard, Class<E> type) {
        String text = ctx.queryParam(name);
        if (text == null) return standard;
        List<String> names = Arrays.stream(type.getEnumConstants())
                .map(e -> e.name().toLowerCase(Locale.ROOT))
                .toList();
        int at = names.indexOf(text);
        if (at >= 0) return type.getEnumConstants()[at];
        throw Problem.invalid("the query parameter does not fit")
                .where(name)
                .expected(String.join(", ", names))
                .found(Problem.shown(text));
    }

    public static <T> T required(T value, String field) {
        if (value != null) return value;
        throw Problem.invalid("a field is missing").where(field);
    }

    /** A number of the body, or the standard one; INVALID outside its range, ends included. */
    public static int count(Integer given, int standard, int least, int most, String field) {
        int n = given == null ? standard : given;
        if (n >= least && n <= most) return n;
        throw Problem.invalid("the number is out of its range")
                .where(field)
                .expected(least + " to " + most)
                .found(n);
    }
}
