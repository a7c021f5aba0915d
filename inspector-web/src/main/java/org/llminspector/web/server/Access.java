package org.llminspector.web.server;

import io.javalin.http.Context;
import io.javalin.http.Cookie;
import io.javalin.http.HttpStatus;
import io.javalin.http.SameSite;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.web.server.http.HttpProblem;

/**
 * Access check of requests: the Host header (against DNS rebinding), the page's own origin, and the access token where
 * there is one. Another site's page may link to the page, and nothing else.
 */
final class Access {

    static final String COOKIE = "token";

    private static final String METHOD_OVERRIDE = "X-HTTP-Method-Override";
    private static final Set<String> DATA = Set.of("/api", "/metrics", "/v1", "/as");
    private static final Set<String> READING = Set.of("GET", "HEAD", "OPTIONS");
    private static final Set<String> LOOPBACK_NAMES = Set.of("localhost", "127.0.0.1", "[::1]", "::1");

    private final String host;
    private final String token;

    /** @param token the access token that requests must carry, or null */
    Access(String host, String token) {
        this.host = host;
        this.token = token;
    }

    static boolean isLoopback(String host) {
        return LOOPBACK_NAMES.contains(host) || host.matches("127(\\.[0-9]{1,3}){3}");
    }

    void check(Context ctx) {
        checkHost(ctx);
        checkMethod(ctx);
        checkOrigin(ctx);
        if (token != null) checkToken(ctx);
    }

    /** A server bound to loopback answers only to loopback names; another Host is DNS rebinding. */
    private void checkHost(Context ctx) {
        String authority = ctx.header("Host");
        if (!isLoopback(host) || authority == null) return;
        String name = authority.replaceFirst(":[0-9]+$", "");
        if (LOOPBACK_NAMES.contains(name) || name.equals(host)) return;
        throw new HttpProblem(
                421,
                "misdirected",
                Problem.invalid("this server does not answer to that name")
                        .where("Host")
                        .expected("localhost or 127.0.0.1")
                        .found('"' + authority + '"')
                        .instead("start it with --host to serve others"));
    }

    /** Javalin would replace the request's method by this header's, and so bypass checks of the method. */
    private static void checkMethod(Context ctx) {
        String other = ctx.header(METHOD_OVERRIDE);
        if (other == null) return;
        throw Problem.invalid("a request has the method that it is sent with")
                .where(METHOD_OVERRIDE)
                .found(Problem.shown(other))
                .instead("send it with that method");
    }

    /**
     * Refuses another site's writes. A GET with another Origin is answered; the browser withholds the answer from that
     * site.
     */
    private static void checkOrigin(Context ctx) {
        boolean reads = READING.contains(ctx.method().name());
        String origin = ctx.header("Origin");
        String site = ctx.header("Sec-Fetch-Site");
        boolean foreign = !reads && origin != null && !sameAuthority(origin, ctx.header("Host"));
        boolean crossSite = site != null && !site.equals("same-origin") && !site.equals("none");
        if (!foreign && (!crossSite || (reads && isLink(ctx)))) return;
        throw new HttpProblem(
                403,
                "cross-origin",
                Problem.invalid("another site's page may not use this server")
                        .where(foreign ? "Origin" : "Sec-Fetch-Site")
                        .found(foreign ? origin : site)
                        .instead("use the page of this server, or a program (curl, Python)"));
    }

    /** Whether it is a navigation to the page (a followed link), not to the API. */
    private static boolean isLink(Context ctx) {
        String path = ctx.path();
        return "navigate".equals(ctx.header("Sec-Fetch-Mode"))
                && DATA.stream().noneMatch(d -> path.equals(d) || path.startsWith(d + "/"));
    }

    private static boolean sameAuthority(String origin, String host) {
        try {
            String authority = new URI(origin).getAuthority();
            return authority != null && authority.equalsIgnoreCase(host);
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private void checkToken(Context ctx) {
        String offered = ctx.queryParam("token");
        if (offered != null && ctx.method().name().equals("GET") && matches(offered)) {
            Cookie cookie = new Cookie(COOKIE, token);
            cookie.setHttpOnly(true);
            cookie.setSameSite(SameSite.STRICT);
            cookie.setPath("/");
            ctx.cookie(cookie);
            ctx.redirect(withoutToken(ctx), HttpStatus.SEE_OTHER);
            return;
        }
        String bearer = ctx.header("Authorization");
        if (bearer != null
                && bearer.startsWith("Bearer ")
                && matches(bearer.substring(7).trim())) return;
        String cookie = ctx.cookie(COOKIE);
        if (cookie != null && matches(cookie)) return;
        throw new HttpProblem(
                401,
                "unauthorized",
                Problem.invalid("this server asks for its token")
                        .where("Authorization")
                        .expected("Authorization: Bearer TOKEN")
                        .found(bearer == null && cookie == null ? "no token" : "another token")
                        .instead("the server printed the token when it started; a browser opens /?token=TOKEN once"));
    }

    private boolean matches(String offered) {
        return MessageDigest.isEqual(offered.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
    }

    /** The same path without the token, which keeps it out of history and logs. Always on this server. */
    private static String withoutToken(Context ctx) {
        StringBuilder query = new StringBuilder();
        for (Map.Entry<String, List<String>> p : ctx.queryParamMap().entrySet()) {
            if (p.getKey().equals("token")) continue;
            for (String value : p.getValue()) {
                query.append(query.isEmpty() ? "?" : "&")
                        .append(URLEncoder.encode(p.getKey(), StandardCharsets.UTF_8))
                        .append('=')
                        .append(URLEncoder.encode(value, StandardCharsets.UTF_8));
            }
        }
        return ctx.path().replaceFirst("^/+", "/") + query;
    }
}
