package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.ChatTemplate;

/**
 * Reader of conversations. Plain messages stay messages; with tools, or other values that only the model's chat
 * template knows, the request is the text that the template renders.
 */
public final class OpenAiMessages {

    private OpenAiMessages() {}

    /** A run's request with only the prompt. */
    static RunRequest of(JsonNode body, ChatTemplate template) {
        JsonNode given = messages(body);
        boolean plain = tools(body) == null && !OpenAiRequest.has(body, "chat_template_kwargs");
        List<Message> turns = new ArrayList<>();
        for (JsonNode m : given) {
            turns.add(new Message(OpenAiRequest.text(m, "role", "user"), content(m.path("content"))));
            plain &= m.properties().stream()
                    .allMatch(f -> f.getKey().equals("role")
                            || f.getKey().equals("content")
                            || f.getValue().isNull());
        }
        if (plain) return RunRequest.builder().messages(turns).build();
        return RunRequest.builder()
                .prompt(text(body, template))
                .addSpecialTokens(false)
                .build();
    }

    /** The conversation rendered by the template, with the generation prompt unless the assistant's message is last. */
    static String text(JsonNode body, ChatTemplate template) {
        JsonNode given = messages(body);
        List<Map<String, Object>> turns = new ArrayList<>();
        for (JsonNode m : given) turns.add(turn(m));
        boolean answer = !"assistant".equals(turns.get(turns.size() - 1).get("role"));
        Map<String, Object> more = new LinkedHashMap<>();
        JsonNode settings = body.path("chat_template_kwargs");
        if (OpenAiRequest.has(body, "chat_template_kwargs")) {
            if (!settings.isObject()) throw OpenAiRequest.wrong("chat_template_kwargs", "an object", settings);
            settings.properties().forEach(s -> more.put(s.getKey(), value(s.getValue())));
        }
        JsonNode tools = tools(body);
        if (tools == null) return template.render(turns, answer, more);
        String without = template.render(turns, answer, more);
        more.put("tools", value(tools));
        String with = template.render(turns, answer, more);
        if (with.equals(without)) {
            throw Problem.unsupported("the model's chat template does not tell it of tools")
                    .where("tools")
                    .found("the same text with them and without")
                    .instead("leave them out, or take a model that was trained to call tools");
        }
        return with;
    }

    private static JsonNode messages(JsonNode body) {
        JsonNode given = body.path("messages");
        if (given.isArray() && !given.isEmpty()) return given;
        throw OpenAiRequest.wrong("messages", "a list of {role, content}", given);
    }

    /** Null where there are none or none may be called. */
    private static JsonNode tools(JsonNode body) {
        if (!OpenAiRequest.has(body, "tools") || body.path("tools").isEmpty()) return null;
        JsonNode tools = body.path("tools");
        boolean objects = tools.isArray();
        for (JsonNode tool : tools) objects &= tool.isObject();
        if (!objects) throw OpenAiRequest.wrong("tools", "a list of {type: function, function: {...}}", tools);
        return "none".equals(body.path("tool_choice").asText()) ? null : tools;
    }

    private static Map<String, Object> turn(JsonNode given) {
        if (!given.isObject()) throw OpenAiRequest.wrong("messages", "a list of {role, content}", given);
        ObjectNode turn = given.deepCopy();
        turn.put("role", OpenAiRequest.text(given, "role", "user"));
        if (OpenAiRequest.has(given, "content")) turn.put("content", content(given.path("content")));
        for (JsonNode call : turn.path("tool_calls")) {
            if (call.path("function") instanceof ObjectNode function) parsed(function);
        }
        Map<String, Object> values = new LinkedHashMap<>();
        turn.properties().forEach(f -> values.put(f.getKey(), value(f.getValue())));
        return values;
    }

    /**
     * Replaces a call's arguments, JSON in a string, by the parsed value, which templates expect, as transformers does.
     */
    private static void parsed(ObjectNode function) {
        JsonNode arguments = function.path("arguments");
        if (!arguments.isTextual()) return;
        try {
            JsonNode said = Json.mapper().readTree(arguments.asText());
            if (said != null && said.isObject()) function.set("arguments", said);
        } catch (IOException e) {
            throw Problem.invalid("a call's arguments are not JSON")
                    .where("messages[].tool_calls[].function.arguments")
                    .found(Problem.shown(arguments.asText()))
                    .causedBy(e);
        }
    }

    /** A text, or a list of text parts. */
    private static String content(JsonNode content) {
        if (content.isTextual()) return content.asText();
        if (content.isNull() || content.isMissingNode()) return "";
        if (!content.isArray()) throw OpenAiRequest.wrong("messages", "a content that is text", content);
        StringBuilder all = new StringBuilder();
        for (JsonNode part : content) {
            if (!part.path("text").isTextual()) throw OpenAiRequest.wrong("messages", "parts that are text", part);
            all.append(part.path("text").asText());
        }
        return all.toString();
    }

    /** A JSON value as maps, lists, texts and numbers. */
    private static Object value(JsonNode json) {
        return Json.mapper().convertValue(json, Object.class);
    }

    /** Messages from another field: lm-evaluation-harness sends them as the prompt. */
    static JsonNode asMessages(JsonNode list) {
        ObjectNode body = Json.mapper().createObjectNode();
        body.set("messages", list instanceof ArrayNode ? list : Json.mapper().createArrayNode());
        return body;
    }
}
