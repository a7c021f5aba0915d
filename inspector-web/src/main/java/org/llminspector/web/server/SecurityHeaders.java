package org.llminspector.web.server;

import io.javalin.http.Context;

/** SecurityHeaders tells browsers that the page loads nothing from elsewhere and is shown nowhere else. */
final class SecurityHeaders {

    /** Style attributes are allowed, as Svelte's templates have them; style elements and scripts only as files. */
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
