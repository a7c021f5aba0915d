package org.llminspector.web.server;

import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.base.Json;

/** Writer of JSON answers, streamed into the response. */
final class Replies {

    private Replies() {}

    static void json(Context ctx, Object value) throws IOException {
        json(ctx, 200, value);
    }

    static void json(Context ctx, int status, Object value) throws IOException {
        ctx.status(status).contentType("application/json");
        Json.mapper().writeValue(ctx.outputStream(), value);
    }
}
