package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.RawGguf;

/** The tokenizer of a GGUF file is that of the tokenizer.json which the file was made from. */
class GgufTokenizerTest {

    @TempDir
    Path temp;

    /** A GGUF model without weights worth the name, with this tokenizer.json's vocabulary as llama.cpp writes it. */
    private Tokenizer gguf(String fixture, Consumer<RawGguf> change) {
        JsonNode json = Json.readObject(Fixtures.folder(fixture).resolve("tokenizer.json"));
        JsonNode vocab = json.path("model").path("vocab");
        JsonNode added = json.path("added_tokens");
        int size = vocab.size();
        for (JsonNode a : added) size = Math.max(size, a.path("id").asInt() + 1);
        String[] tokens = new String[size];
        int[] types = new int[size];
        Arrays.fill(types, 1);
        vocab.properties().forEach(e -> tokens[e.getValue().asInt()] = e.getKey());
        boolean spm = fixture.equals("spm");
        for (int i = 0; spm && i < size; i++) if (tokens[i].startsWith("<0x")) types[i] = 6;
        for (JsonNode a : added) {
            tokens[a.path("id").asInt()] = a.path("content").asText();
            types[a.path("id").asInt()] = a.path("special").asBoolean() ? 3 : 4;
        }
        RawGguf raw = model("llama", size)
                .put("tokenizer.ggml.model", spm ? "llama" : "gpt2")
                .put("tokenizer.ggml.tokens", List.of(tokens))
                .put("tokenizer.ggml.token_type", types);
        if (spm) {
            types[0] = 2;
            raw.put("tokenizer.ggml.scores", scores(json, tokens))
                    .put("tokenizer.ggml.bos_token_id", 1)
                    .put("tokenizer.ggml.eos_token_id", 2)
                    .put("tokenizer.ggml.unknown_token_id", 0);
        } else {
            List<String> merges = new ArrayList<>();
            for (JsonNode m : json.path("model").path("merges"))
                merges.add(m.get(0).asText() + " " + m.get(1).asText());
            raw.put("tokenizer.ggml.merges", merges)
                    .put("tokenizer.ggml.pre", "gpt-2")
                    .put("tokenizer.ggml.eos_token_id", 398);
        }
        change.accept(raw);
        try (Checkpoint checkpoint = Checkpoint.open(raw.write(temp.resolve("x.gguf")))) {
            return Tokenizer.open(checkpoint, false).orElse(null);
        }
    }

    @Test
    void theFilesOwnChatTemplateKnowsItsControlTokens() {
        String template =
                "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}";
        List<Map<String, String>> hello = List.of(Map.of("role", "user", "content", "Hello"));
        gguf("spm", raw -> raw.put("tokenizer.chat_template", template).put("tokenizer.chat_template.rag", "{{ 1 }}"));
        try (Checkpoint checkpoint = Checkpoint.open(temp.resolve("x.gguf"))) {
            ChatTemplate chat = ChatTemplate.open(checkpoint).orElseThrow();
            assertThat(chat.names()).containsExactlyInAnyOrder("default", "rag");
            assertThat(chat.render(hello, true)).isEqualTo("<s>user: Hello</s>");
        }
        gguf("spm", raw -> {});
        try (Checkpoint checkpoint = Checkpoint.open(temp.resolve("x.gguf"))) {
            assertThat(ChatTemplate.open(checkpoint)).isEmpty();
        }
        gguf("spm", raw -> raw.put("tokenizer.chat_template", "{% if %}"));
        try (Checkpoint checkpoint = Checkpoint.open(temp.resolve("x.gguf"))) {
            Problem p = catchThrowableOfType(Problem.class, () -> ChatTemplate.open(checkpoint));
            assertThat(p.where()).contains("x.gguf").contains("tokenizer.chat_template");
        }
    }

    private static RawGguf model(String architecture, int vocab) {
        RawGguf raw = new RawGguf().put("general.architecture", architecture);
        raw.put(architecture + ".block_count", 1)
                .put(architecture + ".embedding_length", 8)
                .put(architecture + ".feed_forward_length", 8)
                .put(architecture + ".context_length", 8)
                .put(architecture + ".attention.head_count", 1);
        raw.tensor("token_embd.weight", 0, 0, 8, vocab);
        raw.data = new byte[32 * vocab];
        return raw;
    }

    /** As SentencePiece has them: minus the rank of the first merge that makes the piece. */
    private static float[] scores(JsonNode json, String[] tokens) {
        float[] scores = new float[tokens.length];
        Arrays.fill(scores, -1e6f);
        List<String> all = List.of(tokens);
        int rank = 0;
        for (JsonNode m : json.path("model").path("merges")) {
            int id = all.indexOf(m.get(0).asText() + m.get(1).asText());
            if (scores[id] == -1e6f) scores[id] = -rank;
            rank++;
        }
        return scores;
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytelevel", "spm"})
    void isTheOneOfItsTokenizerJson(String fixture) {
        try (Tokenizer t = gguf(fixture, r -> {})) {
            Tokenizer original = Fixtures.of(fixture);
            assertThat(t.vocabSize()).isEqualTo(original.vocabSize());
            int compared = 0;
            for (String text : Fixtures.texts(fixture)) {
                for (boolean special : new boolean[] {false, true}) {
                    List<Token> tokens = t.encode(text, special);
                    assertThat(tokens).as(text).isEqualTo(original.encode(text, special));
                    List<Integer> ids = Fixtures.ids(tokens);
                    assertThat(t.decode(ids, true)).isEqualTo(original.decode(ids, true));
                    assertThat(Fixtures.streamed(t, List.of(), ids))
                            .isEqualTo(Fixtures.streamed(original, List.of(), ids));
                    compared++;
                }
            }
            assertThat(compared).isGreaterThan(100);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytelevel", "spm"})
    void mergesAreTracedAsInItsTokenizerJson(String fixture) {
        try (Tokenizer t = gguf(fixture, r -> {})) {
            String text = "the then the water";
            assertThat(MergeTrace.of(t, text).tokens()).isEqualTo(t.encode(text, false));
            assertThat(MergeTrace.of(t, text).pieces())
                    .hasSameSizeAs(MergeTrace.of(Fixtures.of(fixture), text).pieces());
        }
    }

    @Test
    void controlTokens() {
        try (Tokenizer t = gguf("spm", r -> r.put("tokenizer.ggml.eot_token_id", 5))) {
            assertThat(t.bosId()).isEqualTo(1);
            assertThat(t.eosIds()).containsExactly(2, 5);
        }
        // llama.cpp ends at these whether or not the file says so.
        try (Tokenizer t = gguf("bytelevel", r -> r.metadata.remove("tokenizer.ggml.eos_token_id"))) {
            assertThat(t.bosId()).isNull();
            assertThat(t.eosIds()).containsExactly(398);
        }
    }

    @Test
    void bosAndEosAsTheFileSays() {
        try (Tokenizer t = gguf(
                "spm", r -> r.put("tokenizer.ggml.add_bos_token", false).put("tokenizer.ggml.add_eos_token", true))) {
            List<Integer> ids = Fixtures.ids(t.encode("the", true));
            assertThat(ids.get(0)).isNotEqualTo(1);
            assertThat(ids.get(ids.size() - 1)).isEqualTo(2);
        }
    }

    @Test
    void noSpaceInFront() {
        try (Tokenizer t = gguf("spm", r -> r.put("tokenizer.ggml.add_space_prefix", false))) {
            List<Integer> ids = Fixtures.ids(t.encode("the", false));
            assertThat(t.decode(ids, true)).isEqualTo("the");
            assertThat(ids).isNotEqualTo(Fixtures.ids(Fixtures.SPM.encode("the", false)));
            assertThat(t.decode(Fixtures.ids(t.encode(" the", false)), true)).isEqualTo(" the");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "gpt-2, 1234 x, 1234| x",
        "smollm, 1234 x, 1|2|3|4| x",
        "llama-bpe, 1234 x, 123|4| x",
        "qwen2, 1234 x, 1|2|3|4| x",
        "tekken, aB1, a|B|1",
        "gpt-4o, HelloWorld12345, Hello|World|123|45",
        "glm4, 1234 x, 123|4| x",
        "falcon, a+b 12 12345 $x, a|+|b| 12| |123|45| |$|x",
        "bloom, a. b(12, a|.| b|(|12",
        "deepseek-v3, a.b 1234 x+, a|.b| |123|4| x|+"
    })
    void cutsIntoWordsAsItsKindDoes(String pre, String text, String words) {
        // Every string that is a word is one token here, so the tokens are the words.
        List<String> wanted = List.of(words.split("\\|", -1));
        try (Tokenizer t = gguf("bytelevel", r -> {
            List<String> tokens = new ArrayList<>(strings(r, "tokenizer.ggml.tokens"));
            List<String> merges = new ArrayList<>();
            String whole = text.replace(' ', 'Ġ');
            for (int from = 0; from < whole.length(); from++) {
                for (int to = from + 2; to <= whole.length(); to++) {
                    String piece = whole.substring(from, to);
                    if (!tokens.contains(piece)) tokens.add(piece);
                    merges.add(piece.substring(0, piece.length() - 1) + " " + piece.charAt(piece.length() - 1));
                }
            }
            int[] types = new int[tokens.size()];
            Arrays.fill(types, 1);
            r.put("tokenizer.ggml.tokens", tokens)
                    .put("tokenizer.ggml.token_type", types)
                    .put("tokenizer.ggml.merges", merges)
                    .put("tokenizer.ggml.pre", pre);
        })) {
            assertThat(t.encode(text, false).stream().map(Token::text)).isEqualTo(wanted);
        }
    }

    @SuppressWarnings("unchecked")
    private static List<String> strings(RawGguf raw, String key) {
        return (List<String>) raw.metadata.get(key);
    }

    /** Gemma's spaces lie in its file as they are; its merges follow the ids and not the scores. */
    @Test
    void gemma() {
        List<String> tokens = new ArrayList<>(
                List.of("<pad>", "<eos>", "<bos>", "<unk>", "\n\n", "  ", "   ", "a", "b", "▁", "ab", "▁a"));
        int[] types = {3, 3, 3, 3, 4, 4, 4, 1, 1, 1, 1, 1};
        RawGguf raw = model("gemma3", tokens.size())
                .put("gemma3.attention.key_length", 8)
                .put("gemma3.attention.value_length", 8)
                .put("tokenizer.ggml.model", "llama")
                .put("tokenizer.ggml.tokens", tokens)
                .put("tokenizer.ggml.token_type", types)
                .put("tokenizer.ggml.scores", new float[] {0, 0, 0, 0, -9, -9, -9, 0, 0, 0, -5, -1})
                .put("tokenizer.ggml.add_space_prefix", false)
                .put("tokenizer.ggml.bos_token_id", 2)
                .put("tokenizer.ggml.unknown_token_id", 3);
        try (Checkpoint c = Checkpoint.open(raw.write(temp.resolve("g.gguf")));
                Tokenizer t = Tokenizer.open(c, false).orElseThrow()) {
            // ▁ab: "ab" (id 10) before "▁a" (id 11), though its score is worse.
            assertThat(Fixtures.ids(t.encode(" ab", true))).containsExactly(2, 9, 10);
            assertThat(Fixtures.ids(t.encode("a   b\n\nb", false))).containsExactly(7, 6, 8, 4, 8);
            assertThat(t.decode(List.of(7, 6, 8, 4, 8), true)).isEqualTo("a   b\n\nb");
            // Five spaces are three and two; merges would make two and three of them.
            assertThat(Fixtures.ids(t.encode("a     b", false))).containsExactly(7, 6, 5, 8);
            assertThat(t.decode(List.of(7, 6, 5, 8), true)).isEqualTo("a     b");
        }
    }

    @Test
    void refused() {
        assertThat(problem("bytelevel", r -> r.put("tokenizer.ggml.pre", "klingon"))
                        .where())
                .contains("tokenizer.ggml.pre");
        assertThat(problem("spm", r -> r.put("tokenizer.ggml.model", "bert")).found())
                .contains("bert");
        assertThat(problem("spm", r -> r.put("tokenizer.ggml.scores", new float[3]))
                        .where())
                .contains("scores");
        assertThat(problem("spm", r -> r.put("tokenizer.ggml.token_type", new int[3]))
                        .where())
                .contains("token_type");
        assertThat(problem("spm", r -> r.put("tokenizer.ggml.tokens", 3)).where())
                .contains("tokens");
        assertThat(problem("bytelevel", r -> r.put("tokenizer.ggml.merges", List.of("nospace")))
                        .where())
                .contains("merges");
    }

    private Problem problem(String fixture, Consumer<RawGguf> change) {
        Problem p = catchThrowableOfType(Problem.class, () -> gguf(fixture, change));
        assertThat(p).isNotNull();
        assertThat(p.where()).contains("x.gguf");
        return p;
    }

    @Test
    void aFileWithoutOneHasTheTokenizerJsonBesideIt() throws Exception {
        assertThat(gguf("spm", r -> r.metadata.remove("tokenizer.ggml.model"))).isNull();
        Files.copy(Fixtures.folder("spm").resolve("tokenizer.json"), temp.resolve("tokenizer.json"));
        try (Tokenizer t = gguf("spm", r -> r.metadata.remove("tokenizer.ggml.model"))) {
            assertThat(t.vocabSize()).isEqualTo(Fixtures.SPM.vocabSize());
        }
    }
}
