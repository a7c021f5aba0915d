package org.llminspector.web.server;

import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.staticfiles.Location;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;
import org.llminspector.web.server.http.OpenAiFailure;

/**
 * The frontend's files, from the class path. A chapter's address gets chapters/NN-name.html, a view's views/NAME.html: the
 * page that names their code; an address of neither gets view.html, index.html without the content that only / shows.
 */
final class Page {

    private static final int PRECOMPRESS = 8 << 20;
    private static final String NOT_BUILT = """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>LLM Inspector</title>
            <h1>The server is running</h1>
            <p>This build has no page in it. Build it with <code>mvn package</code> (it needs Node 20 or later), or use
            the REST interface: <a href="/docs">/docs</a>.</p></html>
            """;

    private static final Pattern CHAPTER = Pattern.compile("/chapters/[0-9]{2}-[a-z-]+");
    private static final Pattern VIEW = Pattern.compile("/[a-z]+");

    private final byte[] view;
    private final boolean built;

    Page() {
        byte[] found = read("/view.html");
        built = found != null;
        view = built ? found : NOT_BUILT.getBytes(StandardCharsets.UTF_8);
    }

    /** A file of the page, or null where the build has none of that name. */
    private static byte[] read(String name) {
        try (InputStream in = Page.class.getResourceAsStream("/public" + name)) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    void register(JavalinConfig config) {
        if (!built) return;
        if (Page.class.getResource("/public/assets") != null) {
            // Vite puts a hash of the content into these names.
            config.staticFiles.add(files -> {
                files.hostedPath = "/assets";
                files.directory = "/public/assets";
                files.location = Location.CLASSPATH;
                files.precompressMaxSize = PRECOMPRESS;
                // Without a type Javalin would send the file compressed with the uncompressed length.
                files.mimeTypes.add("application/octet-stream", "safetensors");
                files.headers =
                        Map.of("Cache-Control", "public, max-age=31536000, immutable", "Vary", "Accept-Encoding");
            });
        }
        config.staticFiles.add(files -> {
            files.directory = "/public";
            files.location = Location.CLASSPATH;
            files.precompressMaxSize = PRECOMPRESS;
            files.headers = Map.of("Cache-Control", "no-cache", "Vary", "Accept-Encoding");
            files.skipFileFunction = request -> request.getRequestURI().startsWith("/api/");
        });
    }

    /** Whether an unmatched path is one of the page's addresses: neither API nor file. */
    boolean owns(Context ctx) {
        String method = ctx.method().name();
        String path = ctx.path();
        String accept = ctx.header("Accept");
        return (method.equals("GET") || method.equals("HEAD"))
                && !path.startsWith("/api/")
                && !OpenAiFailure.speaks(path)
                && !path.substring(path.lastIndexOf('/')).contains(".")
                && (accept == null || accept.contains("text/html") || accept.contains("*/*"));
    }

    void index(Context ctx) {
        String path = ctx.path();
        byte[] own = CHAPTER.matcher(path).matches()
                ? read(path + ".html")
                : VIEW.matcher(path).matches() ? read("/views" + path + ".html") : null;
        ctx.status(200).contentType("text/html; charset=utf-8").result(own == null ? view : own);
        ctx.header("Cache-Control", "no-cache");
    }
}
