package org.llminspector.web.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.javalin.config.RoutesConfig;
import java.io.IOException;
import java.io.InputStream;
import org.llminspector.web.server.http.Routes;

/** Routes of openapi.yaml and of its HTML page, which has no scripts. */
public final class DocsRoutes implements Routes {

    private final byte[] yaml = resource("/openapi.yaml");
    private final byte[] css = resource("/docs.css");
    private final String html;

    public DocsRoutes() {
        try {
            JsonNode api = new YAMLMapper().readTree(yaml);
            html = new DocsPage(api).html();
        } catch (IOException e) {
            throw new IllegalStateException("openapi.yaml cannot be read", e);
        }
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/openapi.yaml", ctx -> ctx.contentType("application/yaml").result(yaml));
        routes.get("/docs", ctx -> ctx.html(html));
        routes.get("/docs/docs.css", ctx -> ctx.contentType("text/css").result(css));
    }

    private static byte[] resource(String name) {
        try (InputStream in = DocsRoutes.class.getResourceAsStream(name)) {
            if (in == null) throw new IllegalStateException(name + " is not in the jar");
            return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(name, e);
        }
    }
}
