package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** scripts/golden/make_chat.py made the templates, and the goldens with transformers. */
class ChatTemplateTest {

    static final Path CHAT = Path.of("src/test/resources/chat");
    static final Clock CLOCK = Clock.fixed(Instant.parse("2025-11-25T09:05:07Z"), ZoneOffset.UTC);

    @TempDir
    Path folder;

    /**
     * The template's text is separated from the messages' contents, even where these contain the template's own text.
     */
    @ParameterizedTest
    @ValueSource(strings = {"chatml", "smol", "llama3", "llama2", "gemma2", "gemma3", "zephyr", "mistral", "phi3"})
    void aConversationInParts(String family) {
        ChatTemplate template = ChatTemplate.open(CHAT.resolve(family), CLOCK).orElseThrow();
        for (String content : List.of("Hello there", "user", " <|im_start|>user\n", "", "x")) {
            List<Map<String, String>> messages = List.of(Map.of("role", "user", "content", content));
            List<ChatTemplate.Part> parts = template.parts(messages, true);
            StringBuilder joined = new StringBuilder();
            parts.forEach(p -> joined.append(p.text()));
            assertThat(joined.toString()).isEqualTo(template.render(messages, true));
            if (content.isEmpty()) continue;
            assertThat(parts.stream().filter(p -> p.message() != null))
                    .singleElement()
                    .satisfies(p -> assertThat(p.text().strip()).isEqualTo(content.strip()));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "chatml",
                "smol",
                "llama3",
                "llama2",
                "gemma2",
                "gemma3",
                "zephyr",
                "mistral",
                "phi3",
                "thinking",
                "macros"
            })
    void writesWhatTransformersWrites(String family) {
        ChatTemplate template = ChatTemplate.open(CHAT.resolve(family), CLOCK).orElseThrow();
        JsonNode cases =
                Json.readObject(CHAT.resolve(family).resolve("golden.json")).get("cases");
        assertThat(cases.size()).isGreaterThan(40);
        SoftAssertions soft = new SoftAssertions();
        for (JsonNode c : cases) {
            List<Map<String, Object>> messages = list(c.get("messages"));
            Map<String, Object> more = c.has("more") ? map(c.get("more")) : Map.of();
            boolean generate = c.get("add_generation_prompt").asBoolean();
            if (c.has("text")) {
                soft.assertThat(text(template, messages, generate, more))
                        .as(c.toString())
                        .isEqualTo(c.get("text").asText());
            } else {
                soft.assertThatThrownBy(() -> template.render(messages, generate, more))
                        .as(c.toString())
                        .isInstanceOfSatisfying(Problem.class, p -> {
                            soft.assertThat(p.where()).contains(family).contains("line ");
                            soft.assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID);
                            boolean raised = c.get("raised").asBoolean();
                            soft.assertThat(p.what().contains("refuses"))
                                    .as(c.toString())
                                    .isEqualTo(raised);
                            if (raised)
                                soft.assertThat(p.found())
                                        .isEqualTo(c.get("error").asText());
                        });
            }
        }
        soft.assertAll();
    }

    private static String text(
            ChatTemplate template, List<Map<String, Object>> messages, boolean generate, Map<String, Object> more) {
        try {
            return template.render(messages, generate, more);
        } catch (Problem p) {
            return p.toString();
        }
    }

    @Test
    void theFilesComeBeforeTheConfig() throws IOException {
        assertThat(ChatTemplate.open(folder)).isEmpty();
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"bos_token\":\"<s>\"}");
        assertThat(ChatTemplate.open(folder)).isEmpty();
        config("{\"bos_token\":\"<s>\",\"chat_template\":\"{{ bos_token }}config\"}");
        assertThat(rendered()).isEqualTo("<s>config");
        Files.writeString(folder.resolve("chat_template.jinja"), "file{{ pad_token }}\n");
        Files.writeString(
                folder.resolve("special_tokens_map.json"),
                "{\"bos_token\":\"no\",\"pad_token\":{\"content\":\"<p>\"}}");
        assertThat(rendered()).isEqualTo("file<p>");
        Files.createDirectory(folder.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("additional_chat_templates/tool_use.jinja"), "{{ tools | length }} tools");
        assertThat(ChatTemplate.open(folder).orElseThrow().names()).containsExactly("default", "tool_use");
        assertThat(ChatTemplate.open(folder).orElseThrow().render(List.of(), true, Map.of("tools", List.of(1, 2))))
                .isEqualTo("2 tools");
    }

    @Test
    void namedTemplates() throws IOException {
        config(
                "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"T\"},{\"name\":\"default\",\"template\":\"D\"}]}");
        assertThat(rendered()).isEqualTo("D");
        config("{\"chat_template\":[{\"name\":\"rag\",\"template\":\"R\"}]}");
        assertThatThrownBy(this::rendered)
                .hasMessageContaining("none is the default")
                .hasMessageContaining("rag");
        config("{\"chat_template\":[{\"name\":\"rag\"}]}");
        assertThatThrownBy(this::rendered).isInstanceOf(Problem.class).hasMessageContaining("tokenizer_config.json");
        config("{\"chat_template\":{\"a\":1}}");
        assertThatThrownBy(this::rendered).isInstanceOf(Problem.class).hasMessageContaining("a string, or a list");
    }

    @Test
    void aBrokenTemplateNamesItsFileAndLine() throws IOException {
        Files.writeString(
                folder.resolve("chat_template.jinja"), "{{ bos_token }}\n{% if true %}\n\n{{ 1 + }}\n{% endif %}");
        assertThatThrownBy(this::rendered)
                .isInstanceOf(Problem.class)
                .hasMessageContaining("chat_template.jinja, line 4");
        Files.writeString(folder.resolve("chat_template.jinja"), "a\n{#\n\n#}\n{% include '/etc/passwd' %}");
        assertThatThrownBy(() -> ChatTemplate.open(folder))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("chat_template.jinja, line 5")
                .hasMessageContaining("'include' is not supported");
    }

    /** The text has its own special tokens, so that none are added to it. */
    @Test
    void whatItWritesIsTokenizedAsItIs() throws IOException {
        config("{\"bos_token\":\"<s>\",\"chat_template\":\"{{ bos_token }}{{ messages[0].content }}\"}");
        String text =
                ChatTemplate.open(folder).orElseThrow().render(List.of(Map.of("role", "user", "content", "the")), true);
        assertThat(Fixtures.ids(Fixtures.SPM.encode(text, false)).get(0)).isEqualTo(1);
        assertThat(Fixtures.ids(Fixtures.SPM.encode(text, false)).get(1)).isNotEqualTo(1);
    }

    private void config(String json) throws IOException {
        Files.writeString(folder.resolve("tokenizer_config.json"), json);
    }

    private String rendered() {
        return ChatTemplate.open(folder).orElseThrow().render(List.of(), false);
    }

    @SuppressWarnings("unchecked")
    static List<Map<String, Object>> list(JsonNode node) {
        return Json.mapper().convertValue(node, List.class);
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> map(JsonNode node) {
        return Json.mapper().convertValue((ObjectNode) node, Map.class);
    }
}
