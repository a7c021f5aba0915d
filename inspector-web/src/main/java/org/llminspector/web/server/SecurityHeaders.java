package org.llminspector.web.server;

import io.javalin.http.Context;

/** Response headers that forbid the page external content and embedding elsewhere. */
final class SecurityHeaders {

    /** Style attributes are allowed, for Svelte's templates; style elements and scripts only as files. */
    private static final String CSP = String.join(
            "; ",
            "default-src 'self'",
            "img-src 'self' blob: data:",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'");

    private SecurityHeaders() {}

    static void set(Context ctx) {
        ctx.header("Content-Security-Policy", CSP);
        ctx.header("X-Content-Type-Options", "nosniff");
        ctx.header("X-Frame-Options", "DENY");
        ctx.header("Referrer-Policy", "no-referrer");
        ctx.header("Cross-Origin-Opener-Policy", "same-origin");
        ctx.header("Cross-Origin-Resource-Policy", "same-origin");
        ctx.header("Permissions-Policy", "camera=(), geolocation=(), microphone=()");
        ctx.header("Cache-Control", "no-store");
    }
}
