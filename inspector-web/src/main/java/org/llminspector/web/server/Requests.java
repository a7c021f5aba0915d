package org.llminspector.web.server;

import io.javalin.http.Context;
import java.io.IOException;
import java.io.InputStream;
import org.llminspector.base.Problem;

/** Requests reads the parts of a request: bodies within a limit, numbers in the query. */
final class Requests {

    static final int MAX_BODY = 4 << 20;
    /** A body that is too large is read and thrown away up to here, so that its sender gets to see the answer. */
    private static final long MAX_DRAINED = 64L << 20;

    private Requests() {}

    static <T> T body(Context ctx, Class<T> type) {
        return StrictJson.read(bytes(ctx), type, "the request's body");
    }

    /** The same, but no body at all means an object without fields. */
    static <T> T optionalBody(Context ctx, Class<T> type) {
        byte[] bytes = bytes(ctx);
        return StrictJson.read(bytes.length == 0 ? new byte[] {'{', '}'} : bytes, type, "the request's body");
    }

    private static byte[] bytes(Context ctx) {
        long announced = ctx.req().getContentLengthLong();
        try {
            if (announced > MAX_BODY && ctx.header("Expect") != null) throw tooLarge(announced);
            InputStream in = ctx.req().getInputStream();
            byte[] bytes = in.readNBytes(MAX_BODY + 1);
            if (bytes.length <= MAX_BODY) return bytes;
            long read = bytes.length;
            byte[] scratch = new byte[1 << 16];
            for (int n; read < MAX_DRAINED && (n = in.read(scratch)) >= 0; ) read += n;
            throw tooLarge(Math.max(announced, read));
        } catch (IOException e) {
            throw Problem.invalid("the request's body broke off").found(e.getMessage());
        }
    }

    private static Problem tooLarge(long bytes) {
        return Problem.tooLarge("the request's body is too large")
                .where("the request's body")
                .expected("at most " + MAX_BODY + " bytes")
                .found(bytes + " bytes or more")
                .instead("shorten the prompt: no model here reads that much at once");
    }

    static int number(Context ctx, String name, int standard, int least, int most) {
        String text = ctx.queryParam(name);
        if (text == null) return standard;
        try {
            int n = Integer.parseInt(text);
            if (n >= least && n <= most) return n;
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw Problem.invalid("the query parameter does not fit")
                .where(name)
                .expected("a whole number from " + least + " to " + most)
                .found('"' + text + '"');
    }

    static <T> T required(T value, String field) {
        if (value != null) return value;
        throw Problem.invalid("a field is missing").where(field);
    }
}
