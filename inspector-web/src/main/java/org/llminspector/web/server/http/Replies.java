package org.llminspector.web.server.http;

import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.base.Json;

/** Writer of JSON answers, streamed into the response. */
public final class Replies {

    private Replies() {}

    public static void json(Context ctx, Object value) throws IOException {
        json(ctx, 200, value);
    }

    public static void json(Context ctx, int status, Object value) throws IOException {
        ctx.status(status).contentType("application/json");
        Json.mapper().writeValue(ctx.outputStream(), value);
    }
}
