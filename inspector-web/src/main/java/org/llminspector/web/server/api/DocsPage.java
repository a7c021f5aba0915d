package org.llminspector.web.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Json;

/** OpenAPI document as one HTML page: operations by tag, then the schemas, all linked. */
public final class DocsPage {

    private static final Set<String> METHODS = Set.of("get", "post", "put", "delete", "patch");
    private static final Pattern QUOTED = Pattern.compile("`([^`]*)`");
    private static final String REF = "#/components/schemas/";

    private final JsonNode api;
    private final StringBuilder html = new StringBuilder();

    public DocsPage(JsonNode api) {
        this.api = api;
    }

    String html() {
        String title = text(api.path("info").path("title"));
        html.append("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
                .append(title)
                .append("</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
                .append("<meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">")
                .append("<link rel=\"stylesheet\" href=\"/docs/docs.css\"></head><body>");
        contents();
        html.append("<main><h1>").append(title).append("</h1>");
        prose(api.path("info").path("description"));
        html.append("<p><a href=\"/openapi.yaml\">openapi.yaml</a> is the same for programs.</p>");
        for (JsonNode tag : api.path("tags")) {
            String name = tag.path("name").asText();
            html.append("<h2 id=\"")
                    .append(anchor(name))
                    .append("\">")
                    .append(escape(name))
                    .append("</h2>");
            prose(tag.path("description"));
            operations(name);
        }
        html.append("<h2 id=\"schemas\">Schemas</h2>");
        for (Map.Entry<String, JsonNode> schema :
                api.path("components").path("schemas").properties()) {
            schema(schema.getKey(), schema.getValue());
        }
        return html.append("</main></body></html>").toString();
    }

    private void contents() {
        html.append("<nav aria-label=\"Contents\">");
        for (JsonNode tag : api.path("tags")) {
            String name = tag.path("name").asText();
            html.append("<h3><a href=\"#")
                    .append(anchor(name))
                    .append("\">")
                    .append(escape(name))
                    .append("</a></h3><ul>");
            eachOperation(name, (path, method, operation) -> html.append("<li><a href=\"#")
                    .append(anchor(method + path))
                    .append("\"><b>")
                    .append(method.toUpperCase(Locale.ROOT))
                    .append("</b> ")
                    .append(escape(path.replace("/api/v1", "")))
                    .append("</a></li>"));
            html.append("</ul>");
        }
        html.append("<h3><a href=\"#schemas\">Schemas</a></h3></nav>");
    }

    private interface Visitor {
        void visit(String path, String method, JsonNode operation);
    }

    private void eachOperation(String tag, Visitor visitor) {
        for (Map.Entry<String, JsonNode> path : api.path("paths").properties()) {
            for (Map.Entry<String, JsonNode> method : path.getValue().properties()) {
                JsonNode operation = method.getValue();
                if (METHODS.contains(method.getKey())
                        && operation.path("tags").path(0).asText().equals(tag)) {
                    visitor.visit(path.getKey(), method.getKey(), operation);
                }
            }
        }
    }

    private void operations(String tag) {
        eachOperation(tag, (path, method, operation) -> {
            html.append("<section id=\"").append(anchor(method + path)).append("\"><h3><span class=\"method ");
            html.append(method)
                    .append("\">")
                    .append(method.toUpperCase(Locale.ROOT))
                    .append("</span> <code>");
            html.append(escape(path)).append("</code></h3><p class=\"summary\">");
            html.append(text(operation.path("summary"))).append("</p>");
            prose(operation.path("description"));
            parameters(path, operation);
            JsonNode body = operation.path("requestBody").path("content");
            if (!body.isMissingNode()) {
                html.append("<h4>Request body</h4>");
                contents(body);
            }
            html.append("<h4>Answers</h4><dl>");
            for (Map.Entry<String, JsonNode> answer :
                    operation.path("responses").properties()) {
                JsonNode response = resolve(answer.getValue());
                html.append("<dt><code>").append(escape(answer.getKey())).append("</code></dt><dd>");
                html.append(text(response.path("description")));
                contents(response.path("content"));
                html.append("</dd>");
            }
            html.append("</dl></section>");
        });
    }

    private void parameters(String path, JsonNode operation) {
        List<JsonNode> all = new ArrayList<>();
        api.path("paths").path(path).path("parameters").forEach(p -> all.add(resolve(p)));
        operation.path("parameters").forEach(p -> all.add(resolve(p)));
        if (all.isEmpty()) return;
        html.append("<h4>Parameters</h4><table>");
        for (JsonNode p : all) {
            html.append("<tr><th><code>").append(text(p.path("name"))).append("</code></th><td>");
            html.append(text(p.path("in")))
                    .append("</td><td>")
                    .append(type(p.path("schema")))
                    .append("</td><td>");
            html.append(text(p.path("description"))).append("</td></tr>");
        }
        html.append("</table>");
    }

    private void contents(JsonNode content) {
        for (Map.Entry<String, JsonNode> media : content.properties()) {
            html.append("<p><code>").append(escape(media.getKey())).append("</code> ");
            html.append(type(media.getValue().path("schema"))).append("</p>");
            example(media.getValue().path("example"));
            for (JsonNode example : media.getValue().path("examples")) example(example.path("value"));
        }
    }

    private void example(JsonNode example) {
        if (example.isMissingNode()) return;
        html.append("<pre>").append(escape(example.isTextual() ? example.asText() : Json.write(example)));
        html.append("</pre>");
    }

    private void schema(String name, JsonNode schema) {
        html.append("<section id=\"schema-")
                .append(escape(name))
                .append("\"><h3>")
                .append(escape(name));
        html.append("</h3>");
        prose(schema.path("description"));
        Set<String> required = new HashSet<>();
        schema.path("required").forEach(r -> required.add(r.asText()));
        if (schema.path("properties").isEmpty()) {
            html.append("<p>").append(type(schema)).append("</p>");
        } else {
            html.append("<table>");
            for (Map.Entry<String, JsonNode> p : schema.path("properties").properties()) {
                html.append("<tr><th><code>").append(escape(p.getKey())).append("</code>");
                html.append(required.contains(p.getKey()) ? "" : " <small>optional</small>")
                        .append("</th><td>");
                html.append(type(p.getValue()))
                        .append("</td><td>")
                        .append(text(p.getValue().path("description")));
                html.append("</td></tr>");
            }
            html.append("</table>");
        }
        schema.path("examples").forEach(this::example);
        html.append("</section>");
    }

    /** A short description of a schema, linked when it is a named one. */
    private String type(JsonNode schema) {
        if (schema.isMissingNode()) return "";
        String ref = schema.path("$ref").asText();
        if (ref.startsWith(REF)) {
            String name = escape(ref.substring(REF.length()));
            return "<a href=\"#schema-" + name + "\">" + name + "</a>";
        }
        if (schema.has("enum")) return "one of " + escape(schema.path("enum").toString());
        if (schema.has("const")) return escape(schema.path("const").toString());
        if (schema.has("oneOf")) {
            List<String> each = new ArrayList<>();
            schema.path("oneOf").forEach(s -> each.add(type(s)));
            return String.join(" or ", each);
        }
        String type = schema.path("type").isArray()
                ? String.join(" or ", Json.mapper().convertValue(schema.path("type"), String[].class))
                : schema.path("type").asText("anything");
        if (type.equals("array")) return "list of " + type(schema.path("items"));
        return escape(type)
                + (schema.has("default")
                        ? ", default " + escape(schema.path("default").toString())
                        : "");
    }

    private JsonNode resolve(JsonNode node) {
        String ref = node.path("$ref").asText();
        return ref.isEmpty() ? node : api.at(ref.substring(1));
    }

    /** Paragraphs are separated by empty lines; back quotes enclose code or the name of a schema. */
    private void prose(JsonNode node) {
        if (node.isMissingNode()) return;
        for (String paragraph : node.asText().strip().split("\n\\s*\n", -1)) {
            html.append("<p>").append(marked(paragraph)).append("</p>");
        }
    }

    private String text(JsonNode node) {
        return marked(node.asText());
    }

    private String marked(String text) {
        return QUOTED.matcher(escape(text)).replaceAll(quoted -> {
            String name = quoted.group(1);
            boolean schema = api.path("components").path("schemas").has(name);
            return Matcher.quoteReplacement(
                    schema ? "<a href=\"#schema-" + name + "\">" + name + "</a>" : "<code>" + name + "</code>");
        });
    }

    private static String anchor(String text) {
        return text.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
