package org.llminspector.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;
import org.llminspector.hub.repo.Urls;

/**
 * HTTP requests as huggingface_hub sends them: redirects are followed here, the token is only sent to the hub's own
 * servers, and transient failures are retried.
 */
final class HubHttp {

    private static final Set<Integer> REDIRECTS = Set.of(301, 302, 303, 307, 308);
    private static final int MAX_REDIRECTS = 10;
    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final Duration ANSWER = Duration.ofSeconds(60);
    private static final long LOOK_MS = 100;

    /** Shared by all, as it owns threads and connections. */
    private static final HttpClient CLIENT = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .proxy(EnvironmentProxy.of(System.getenv()))
            .connectTimeout(CONNECT)
            .build();

    private final HubSettings settings;
    private final Urls urls;
    private final Backoff backoff;

    HubHttp(HubSettings settings, Backoff backoff) {
        this.settings = settings;
        this.urls = new Urls(settings.endpoint());
        this.backoff = backoff;
    }

    Urls urls() {
        return urls;
    }

    /**
     * A file's headers on the hub. A redirect out of the hub is not followed: the redirect itself carries the hub's
     * headers (huggingface_hub: {@code _httpx2_follow_hub_redirects_with_backoff}).
     */
    HttpResponse<InputStream> head(URI uri, Cancel cancel) throws IOException {
        return send("HEAD", uri, 0, cancel);
    }

    /** The bytes at an address from an offset on, following redirects. The caller closes the body. */
    HttpResponse<InputStream> get(URI uri, long from, Cancel cancel) throws IOException {
        return send("GET", uri, from, cancel);
    }

    /** Sends with retries, until an answer is final or the retries are used up. */
    private HttpResponse<InputStream> send(String method, URI uri, long from, Cancel cancel) throws IOException {
        for (int retry = 1; ; retry++) {
            cancel.check();
            long wait = backoff.waitMs(retry);
            try {
                HttpResponse<InputStream> answer = follow(method, uri, from, cancel);
                if (!Backoff.RETRIED.contains(answer.statusCode()) || retry > Backoff.RETRIES) return answer;
                OptionalLong asked = Backoff.askedMs(answer.headers());
                if (asked.orElse(0) > backoff.longest().toMillis()) return answer;
                wait = asked.orElse(wait);
                answer.body().close();
            } catch (IOException e) {
                if (retry > (unreachable(e) ? Backoff.CONNECT_RETRIES : Backoff.RETRIES)) throw e;
            }
            cancel.sleep(wait);
        }
    }

    private static boolean unreachable(IOException e) {
        return e instanceof ConnectException
                || e instanceof HttpConnectTimeoutException
                || e.getCause() instanceof UnresolvedAddressException;
    }

    private HttpResponse<InputStream> follow(String method, URI uri, long from, Cancel cancel) throws IOException {
        URI at = uri;
        for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
            HttpResponse<InputStream> answer = once(method, at, from, cancel);
            String location = answer.headers().firstValue("Location").orElse(null);
            if (!REDIRECTS.contains(answer.statusCode()) || location == null) return answer;
            URI target = target(at, location);
            if (method.equals("HEAD") && !urls.isHub(target)) return answer;
            answer.body().close();
            at = target;
        }
        throw Problem.of(Problem.Kind.UPSTREAM, "the hub redirects without end")
                .where(uri)
                .expected("at most " + MAX_REDIRECTS + " redirects");
    }

    private static URI target(URI from, String location) {
        try {
            URI target = from.resolve(location);
            boolean web = "https".equalsIgnoreCase(target.getScheme())
                    || ("http".equalsIgnoreCase(target.getScheme()) && "http".equalsIgnoreCase(from.getScheme()));
            if (web && target.getHost() != null) return target;
        } catch (IllegalArgumentException e) {
            // Refused below.
        }
        throw Problem.of(Problem.Kind.UPSTREAM, "the hub redirects to what is no address for a download")
                .where(plain(from))
                .expected(from.getScheme() + "://...")
                .found(DisplayNames.name(location));
    }

    /** Without the query, which is a signature at a CDN. */
    static String plain(URI uri) {
        return uri.getScheme() + "://" + uri.getRawAuthority() + uri.getRawPath();
    }

    private HttpResponse<InputStream> once(String method, URI uri, long from, Cancel cancel) throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .method(method, BodyPublishers.noBody())
                .timeout(ANSWER)
                .header("User-Agent", "llm-inspector")
                .header("Accept-Encoding", "identity"); // sizes and ranges refer to the file
        CLIENT.proxy().ifPresent(proxy -> proxy.select(uri)); // refuses an unsupported proxy here, in the caller
        if (from > 0) request.header("Range", "bytes=" + from + "-");
        if (settings.token() != null && urls.isHub(uri)) {
            request.header("Authorization", "Bearer " + settings.token());
        }
        CompletableFuture<HttpResponse<InputStream>> answer =
                CLIENT.sendAsync(request.build(), BodyHandlers.ofInputStream());
        while (true) {
            try {
                return answer.get(LOOK_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                if (cancel.now()) {
                    answer.cancel(true);
                    throw Cancel.cancelled();
                }
            } catch (InterruptedException e) {
                answer.cancel(true);
                Thread.currentThread().interrupt();
                throw Cancel.cancelled();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof IOException io) throw io;
                throw new IOException(e.getCause());
            }
        }
    }
}
