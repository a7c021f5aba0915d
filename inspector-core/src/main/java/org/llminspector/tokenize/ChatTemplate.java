package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.tokenize.jinja.Jinja;

/**
 * A model's chat template, which renders a conversation as text, as transformers' apply_chat_template does. The text
 * contains its own control tokens, so it is tokenized without adding special tokens. Safe on any thread.
 */
public final class ChatTemplate {

    /** Limit of a template's file; the largest known has 20 KB. */
    private static final long MAX_BYTES = 1L << 20;

    private static final String DEFAULT = "default";
    private static final String GGUF_KEY = "tokenizer.chat_template";
    private static final String FOR_TOOLS = "tool_use";

    /** Names of a message's reasoning; the first one present is passed as {@code thinking} and the first of these. */
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    private final Path place;
    private final Map<String, Jinja> templates;
    private final Map<String, String> specialTokens;

    private ChatTemplate(Path place, Map<String, Jinja> templates, Map<String, String> specialTokens) {
        this.place = place;
        this.templates = templates;
        this.specialTokens = specialTokens;
    }

    /**
     * Opens the folder's templates: chat_template.jinja and additional_chat_templates, or else tokenizer_config.json's
     * {@code chat_template}, a string or a list of {name, template}. Empty when there is none; a broken template is a
     * Problem that names its file and line.
     */
    public static Optional<ChatTemplate> open(Path folder) {
        return open(folder, Clock.system(ZoneId.systemDefault()));
    }

    /** Opens a checkpoint's templates: a GGUF file's own, or else those next to the weights. */
    public static Optional<ChatTemplate> open(Checkpoint checkpoint) {
        return checkpoint
                .gguf()
                .flatMap(gguf -> inside(gguf, Clock.system(ZoneId.systemDefault())))
                .or(() -> open(checkpoint.dir()));
    }

    /** A GGUF file's {@code tokenizer.chat_template} and {@code tokenizer.chat_template.NAME}. */
    private static Optional<ChatTemplate> inside(GgufFile gguf, Clock clock) {
        GgufMetadata m = gguf.metadata();
        Map<String, Jinja> templates = new LinkedHashMap<>();
        for (String key : m.keys()) {
            if (!key.equals(GGUF_KEY) && !key.startsWith(GGUF_KEY + ".")) continue;
            String name = key.equals(GGUF_KEY) ? DEFAULT : key.substring(GGUF_KEY.length() + 1);
            templates.put(name, Jinja.compile(m.text(key, ""), m.at(key), clock));
        }
        if (templates.isEmpty()) return Optional.empty();
        return Optional.of(new ChatTemplate(gguf.path(), templates, GgufTokenizer.specialTokens(m)));
    }

    /** @param clock read by a template's strftime_now */
    static Optional<ChatTemplate> open(Path folder, Clock clock) {
        Path configFile = folder.resolve("tokenizer_config.json");
        JsonNode config = Files.exists(configFile)
                ? Json.readObject(configFile)
                : Json.mapper().createObjectNode();
        Map<String, Jinja> templates = files(folder, clock);
        if (templates.isEmpty()) templates = named(config.path("chat_template"), configFile, clock);
        if (templates.isEmpty()) return Optional.empty();
        return Optional.of(new ChatTemplate(folder, templates, specialTokens(folder, config)));
    }

    /** {@code default}, {@code tool_use}, {@code rag} and so on. */
    public List<String> names() {
        return List.copyOf(templates.keySet());
    }

    /** The default template's Jinja source. */
    public String source() {
        return chosen(false).source();
    }

    /** {@link #render(List, boolean, Map)} without further variables. */
    public String render(List<? extends Map<String, ?>> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, Map.of());
    }

    /**
     * The conversation as text. A template may refuse it, which is a Problem with the template's own message.
     *
     * @param messages each with role and content, and other fields that the template knows; nulls are left out
     * @param addGenerationPrompt whether the text ends where the assistant's answer begins
     * @param more further variables, such as tools (their JSON schemas), documents, enable_thinking
     */
    public String render(List<? extends Map<String, ?>> messages, boolean addGenerationPrompt, Map<String, ?> more) {
        Map<String, Object> variables = new LinkedHashMap<>(specialTokens);
        variables.put("tools", null);
        variables.put("documents", null);
        variables.putAll(more);
        variables.put("messages", messages.stream().map(ChatTemplate::message).toList());
        variables.put("add_generation_prompt", addGenerationPrompt);
        return chosen(more.get("tools") != null).render(variables);
    }

    /**
     * A part of a rendered conversation.
     *
     * @param message index of the message whose content it is, or null for the template's text
     */
    public record Part(String text, Integer message) {}

    /**
     * The conversation as {@link #render(List, boolean)} renders it, in parts: the template's text, and each message's
     * content. They are separated by rendering marks instead of the contents; where a template does more with a content
     * than trim it, the result is a single part of the template's.
     *
     * @param messages each with role and content
     */
    public List<Part> parts(List<Map<String, String>> messages, boolean addGenerationPrompt) {
        String whole = render(messages, addGenerationPrompt);
        List<Map<String, String>> marked = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            Map<String, String> m = new LinkedHashMap<>(messages.get(i));
            m.put("content", mark(i));
            marked.add(m);
        }
        String frame = render(marked, addGenerationPrompt);
        List<Part> parts = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < messages.size(); i++) {
            int here = frame.indexOf(mark(i), at);
            if (here < 0) return List.of(new Part(whole, null));
            parts.add(new Part(frame.substring(at, here), null));
            String content = messages.get(i).get("content");
            int start = parts.stream().mapToInt(p -> p.text().length()).sum();
            String kept = whole.startsWith(content, Math.min(start, whole.length())) ? content : content.strip();
            parts.add(new Part(kept, i));
            at = here + mark(i).length();
        }
        parts.add(new Part(frame.substring(at), null));
        StringBuilder joined = new StringBuilder();
        parts.forEach(p -> joined.append(p.text()));
        if (!joined.toString().equals(whole)) return List.of(new Part(whole, null));
        parts.removeIf(p -> p.text().isEmpty());
        return parts;
    }

    /** Private use characters, which neither templates nor ordinary texts contain. */
    private static String mark(int message) {
        return "\uE000" + message + "\uE001";
    }

    private Jinja chosen(boolean tools) {
        Jinja found = tools ? templates.get(FOR_TOOLS) : null;
        if (found == null) found = templates.get(DEFAULT);
        if (found != null) return found;
        throw Problem.unsupported("the model has several chat templates and none is the default")
                .where(place)
                .expected("one named " + DEFAULT)
                .found(String.join(", ", templates.keySet()));
    }

    private static Map<String, Object> message(Map<String, ?> given) {
        Map<String, Object> message = new LinkedHashMap<>();
        Object reasoning = REASONING.stream()
                .map(given::get)
                .filter(r -> r != null)
                .findFirst()
                .orElse(null);
        if (reasoning != null) message.put("thinking", reasoning);
        given.forEach((name, value) -> {
            if (value != null) message.put(name, value);
        });
        if (reasoning != null) message.put("reasoning_content", reasoning);
        return message;
    }

    private static Map<String, Jinja> files(Path folder, Clock clock) {
        Map<String, Jinja> templates = new LinkedHashMap<>();
        Path single = folder.resolve("chat_template.jinja");
        if (Files.exists(single)) templates.put(DEFAULT, compile(single, clock));
        Path more = folder.resolve("additional_chat_templates");
        if (!Files.isDirectory(more)) return templates;
        try (Stream<Path> list = Files.list(more)) {
            for (Path file : list.sorted().toList()) {
                String name = file.getFileName().toString();
                if (name.endsWith(".jinja")) {
                    templates.put(name.substring(0, name.length() - ".jinja".length()), compile(file, clock));
                }
            }
        } catch (IOException e) {
            throw Reads.unreadable(more, e);
        }
        return templates;
    }

    private static Jinja compile(Path file, Clock clock) {
        return Jinja.compile(Reads.text(file, MAX_BYTES), file.toString(), clock);
    }

    private static Map<String, Jinja> named(JsonNode field, Path file, Clock clock) {
        String where = file + ", chat_template";
        Map<String, Jinja> templates = new LinkedHashMap<>();
        if (field.isTextual()) templates.put(DEFAULT, Jinja.compile(field.textValue(), where, clock));
        else if (field.isArray()) {
            for (JsonNode each : field) {
                if (!each.path("name").isTextual() || !each.path("template").isTextual()) {
                    throw wrong(where, each.getNodeType());
                }
                String name = each.get("name").textValue();
                String template = each.get("template").textValue();
                templates.put(name, Jinja.compile(template, where + " \"" + name + '"', clock));
            }
        } else if (!field.isNull() && !field.isMissingNode()) {
            throw wrong(where, field.getNodeType());
        }
        return templates;
    }

    private static Problem wrong(String where, Object found) {
        return Problem.invalid("the chat template is malformed")
                .where(where)
                .expected("a string, or a list of {\"name\", \"template\"}")
                .found(found);
    }

    /** {@code bos_token} and the like; tokenizer_config.json takes precedence over special_tokens_map.json. */
    private static Map<String, String> specialTokens(Path folder, JsonNode config) {
        List<JsonNode> sources = new ArrayList<>(List.of(config));
        Path map = folder.resolve("special_tokens_map.json");
        if (Files.exists(map)) sources.add(Json.readObject(map));
        Map<String, String> tokens = new LinkedHashMap<>();
        for (JsonNode source : sources) {
            for (String name : List.of("bos", "eos", "unk", "sep", "pad", "cls", "mask")) {
                JsonNode token = source.path(name + "_token");
                String content = token.isObject() ? token.path("content").textValue() : token.textValue();
                if (content != null) tokens.putIfAbsent(name + "_token", content);
            }
        }
        return tokens;
    }
}
