package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.file.TokenizerFile;

class TokenizerTest {

    @TempDir
    Path folder;

    @Test
    void aTokenSaysItsTextAndItsBytes() {
        Token word = token(Fixtures.SPM, " word");
        assertThat(word.text()).isEqualTo(" word");
        assertThat(word.bytes()).containsExactly(32, 119, 111, 114, 100);
        assertThat(Fixtures.SPM.token(3 + 0xE2)).isEqualTo(new Token(229, "<0xE2>", List.of(0xE2), null, null, false));
        assertThat(Fixtures.SPM.token(3 + 10).text()).isEqualTo("\n");
        assertThat(Fixtures.SPM.token(1)).isEqualTo(new Token(1, "<s>", List.of(60, 115, 62), null, null, true));
        Token half = Fixtures.BYTE_LEVEL.encode("\ud83d\ude00", false).get(1);
        assertThat(half.text()).isEqualTo("<0x9F>");
        assertThat(half.start()).isZero();
        assertThat(half.end()).isEqualTo(2);
        Token end = Fixtures.BYTE_LEVEL.encode("a<|endoftext|>", false).get(1);
        assertThat(end.special()).isTrue();
        assertThat(end.text()).isEqualTo("<|endoftext|>");
        Token think = Fixtures.BYTE_LEVEL.encode("<think>", false).get(0);
        assertThat(think.special()).isFalse();
        assertThat(think.text()).isEqualTo("<think>");
    }

    private static Token token(Tokenizer tokenizer, String text) {
        for (int id = 0; id < tokenizer.vocabSize(); id++) {
            if (tokenizer.token(id).text().equals(text)) return tokenizer.token(id);
        }
        throw new AssertionError(text);
    }

    @Test
    void aStreamGivesNoHalfCharacter() {
        for (Tokenizer tokenizer : List.of(Fixtures.SPM, Fixtures.BYTE_LEVEL)) {
            Tokenizer.TextStream stream = tokenizer.stream(Fixtures.ids(tokenizer.encode("a", true)));
            List<String> parts = new ArrayList<>();
            List<Token> tokens = tokenizer.encode("a\ud83d\ude00 b", false);
            for (Token t : tokens.subList(1, tokens.size())) parts.add(stream.push(t.id()));
            assertThat(parts).startsWith("", "", "", "\ud83d\ude00").doesNotContain("\uFFFD");
            assertThat(String.join("", parts)).isEqualTo("\ud83d\ude00 b");
            assertThat(stream.finish()).isEmpty();
        }
    }

    @Test
    void aStreamMarksWhatStaysBroken() {
        Tokenizer.TextStream stream = Fixtures.SPM.stream(List.of(1));
        assertThat(stream.push(3 + 0xE2)).isEmpty();
        assertThat(stream.push(3 + 0x82)).isEmpty();
        assertThat(stream.push(264)).isEqualTo("\uFFFD\uFFFDa");
        assertThat(stream.push(3 + 0xF0)).isEmpty();
        assertThat(stream.push(5_000)).isEmpty();
        assertThat(stream.finish()).isEqualTo("\uFFFD");
        assertThat(stream.finish()).isEmpty();
    }

    /** A whole character that has been shown stays, though Hugging Face's decode takes it back. */
    @Test
    void aStreamKeepsAWholeCharacterBeforeABrokenByte() {
        List<Integer> ids = List.of(3 + 0xC3, 3 + 0xA9, 3 + 0xFF);
        assertThat(Fixtures.streamed(Fixtures.SPM, List.of(), ids)).isEqualTo("\u00e9\uFFFD");
        assertThat(Fixtures.SPM.decode(ids, true)).isEqualTo("\uFFFD\uFFFD\uFFFD");
    }

    @Test
    void onlyTheFirstSpaceOfATextIsStripped() {
        List<Integer> hello = Fixtures.ids(Fixtures.SPM.encode("read", true));
        assertThat(Fixtures.streamed(Fixtures.SPM, List.of(), hello)).isEqualTo("read");
        assertThat(Fixtures.streamed(Fixtures.SPM, List.of(1), hello)).isEqualTo("read");
        assertThat(Fixtures.streamed(Fixtures.SPM, hello, hello)).isEqualTo(" read");
    }

    /** The other layouts of the wild, made from the fixture: the stream is the decoded text in all of them. */
    @Test
    void streamsEveryLayout() {
        String metaspace =
                "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"%s\",\"split\":true}";
        String gemma = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"\u2581\"},"
                + "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}";
        String regex = "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\u2581\"},"
                + "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}";
        for (String decoder : List.of(
                metaspace.formatted("always"),
                metaspace.formatted("never"),
                gemma,
                regex,
                "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false}",
                "{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
                "{\"type\":\"Fuse\"}",
                "null")) {
            try (Tokenizer t = Fixtures.changed("spm", folder, json -> json.set("decoder", parse(decoder)))) {
                for (String text : Fixtures.texts("spm").subList(0, 40)) {
                    List<Integer> ids = Fixtures.ids(t.encode(text, false));
                    for (int cut : new int[] {0, ids.size() / 2}) {
                        String before = t.decode(ids.subList(0, cut), true);
                        if (before.endsWith("\uFFFD")) continue;
                        assertThat(before + Fixtures.streamed(t, ids.subList(0, cut), ids.subList(cut, ids.size())))
                                .as(decoder + " " + text)
                                .isEqualTo(t.decode(ids, true));
                    }
                }
            }
        }
    }

    /** Llama 3 and Qwen split with their own regular expression before the bytes. */
    @Test
    void losesNothingBehindARegularExpression() {
        String split = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
                + "\"(?i:'s|'t|'re)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|\\\\s+(?!\\\\S)|\\\\s+\"},"
                + "\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                + "\"trim_offsets\":true,\"use_regex\":false}]}";
        try (Tokenizer t = Fixtures.changed("bytelevel", folder, json -> json.set("pre_tokenizer", parse(split)))) {
            for (String text : Fixtures.texts("bytelevel")) {
                List<Integer> ids = Fixtures.ids(t.encode(text, true));
                assertThat(t.decode(ids, false)).isEqualTo(text);
            }
        }
    }

    @Test
    void readsUnigramAndWordLevel() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(
                file,
                "{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\u2581\","
                        + "\"prepend_scheme\":\"always\"},\"decoder\":{\"type\":\"Metaspace\","
                        + "\"replacement\":\"\u2581\",\"prepend_scheme\":\"always\"},\"model\":{\"type\":\"Unigram\","
                        + "\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"\u2581a\",-1.5],[\"b\",-2]]}}");
        try (Tokenizer t = Tokenizer.open(folder).orElseThrow()) {
            List<Token> tokens = t.encode("ab a", true);
            assertThat(tokens).extracting(Token::text).containsExactly(" a", "b", " a");
            assertThat(Fixtures.streamed(t, List.of(), Fixtures.ids(tokens))).isEqualTo("ab a");
        }
        String words = "{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\".\"},"
                + "\"behavior\":\"Isolated\",\"invert\":false},\"decoder\":{\"type\":\"Fuse\"},\"model\":"
                + "{\"type\":\"WordLevel\",\"vocab\":{\"A\":0,\"B\":1},\"unk_token\":\"%s\"}}";
        Files.writeString(file, words.formatted("A"));
        try (Tokenizer t = Tokenizer.open(folder).orElseThrow()) {
            assertThat(Fixtures.ids(t.encode("BAZ", true))).containsExactly(1, 0, 0);
            assertThat(t.token(1)).isEqualTo(new Token(1, "B", List.of(66), null, null, false));
        }
        Files.writeString(file, words.formatted("?"));
        try (Tokenizer t = Tokenizer.open(folder).orElseThrow()) {
            assertThatThrownBy(() -> t.encode("BAZ", true))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("cannot split");
        }
    }

    /** The cost per token of a stream over 20,000 tokens is that of a short one. */
    @Test
    void aLongStreamIsLinear() {
        try (Tokenizer t = Fixtures.changed("spm", folder, json -> json.set("decoder", parse("null")))) {
            for (Tokenizer tokenizer : List.of(Fixtures.SPM, t)) {
                Tokenizer.TextStream stream = tokenizer.stream(List.of(1));
                long start = System.nanoTime();
                for (int i = 0; i < 20_000; i++) stream.push(3 + i % 317);
                assertThat((System.nanoTime() - start) / 1e9).isLessThan(5);
            }
        }
    }

    @Test
    void truncationAndPaddingOfTheFileAreOff() {
        try (Tokenizer t = Fixtures.changed("bytelevel", folder, json -> {
            json.set(
                    "truncation",
                    parse("{\"direction\":\"Right\",\"max_length\":5,\"strategy\":\"LongestFirst\",\"stride\":0}"));
            json.set(
                    "padding",
                    parse("{\"strategy\":{\"Fixed\":9},\"direction\":\"Right\",\"pad_to_multiple_of\":null,"
                            + "\"pad_id\":0,\"pad_type_id\":0,\"pad_token\":\"!\"}"));
        })) {
            assertThat(t.encode("a", true)).hasSize(1);
            assertThat(t.encode("z".repeat(3_000), true)).hasSize(3_000);
        }
    }

    @Test
    void namesTheControlIds() throws IOException {
        assertThat(Fixtures.SPM.bosId()).isEqualTo(1);
        assertThat(Fixtures.SPM.eosIds()).containsExactly(2);
        assertThat(Fixtures.BYTE_LEVEL.bosId()).isEqualTo(398);
        assertThat(Fixtures.BYTE_LEVEL.eosIds()).containsExactly(398);
        Files.writeString(folder.resolve("config.json"), "{\"bos_token_id\": 7, \"eos_token_id\": 9}");
        try (Tokenizer t = Fixtures.changed("spm", folder, json -> {})) {
            assertThat(t.bosId()).isEqualTo(7);
            assertThat(t.eosIds()).containsExactly(9);
        }
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": [12, 11]}");
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": {\"content\": \"</s>\"}}");
        try (Tokenizer t = Fixtures.changed("spm", folder, json -> {})) {
            assertThat(t.eosIds()).containsExactly(2, 11, 12);
        }
        assertThat(Tokenizer.eosIds(folder)).containsExactly(11, 12);
        Files.writeString(folder.resolve("config.json"), "{\"text_config\": {\"eos_token_id\": 3}}");
        Files.delete(folder.resolve("generation_config.json"));
        assertThat(Tokenizer.eosIds(folder)).containsExactly(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1e999", "2147483648", "1.5", "\"2\"", "[1, 1e308]", "[[1]]", "{}", "true"})
    void anIdThatIsNoWholeNumberIsNamed(String id) throws IOException {
        Files.writeString(folder.resolve("generation_config.json"), "{\"eos_token_id\": " + id + "}");
        assertThatThrownBy(() -> Tokenizer.eosIds(folder))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("generation_config.json, field eos_token_id");
    }

    @Test
    void idsOutsideTheVocabularyAreNamed() {
        for (int id : new int[] {-1, 320, Integer.MAX_VALUE}) {
            assertThatThrownBy(() -> Fixtures.SPM.decode(List.of(1, id), false))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("token " + id)
                    .hasMessageContaining("0 to 319");
            assertThatThrownBy(() -> Fixtures.SPM.token(id)).isInstanceOf(Problem.class);
            assertThat(Fixtures.SPM.has(id)).isFalse();
        }
    }

    @Test
    void aFolderWithoutATokenizerHasNone() {
        assertThat(Tokenizer.open(folder)).isEmpty();
    }

    @Test
    void aDamagedFileIsAProblemThatNamesIt() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        String good = Files.readString(Fixtures.folder("spm").resolve("tokenizer.json"));
        for (String bad : List.of(
                "",
                "[]",
                "{}",
                "null",
                "{\"model\": 3}",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"x y\"]}}",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 4000000000}, \"merges\": []}}",
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
                "{\"model\": {\"type\": \"Wonder\", \"vocab\": {\"a\": 0}}}",
                "{\"added_tokens\": [{\"content\": \"a\"}], \"model\": {\"type\": \"BPE\", \"vocab\": {}}}",
                "{\"a\":".repeat(5_000),
                good.substring(0, good.length() / 2),
                good.replace("\"ByteFallback\"", "\"ByteDownfall\""))) {
            Files.writeString(file, bad);
            assertThatThrownBy(() -> Tokenizer.open(folder))
                    .as(bad.substring(0, Math.min(80, bad.length())))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining(file.toString())
                    .hasMessageMatching("(?s).*(damaged|not one that is known).*");
        }
        Files.write(file, good.substring(0, 500).getBytes(StandardCharsets.UTF_16));
        assertThatThrownBy(() -> Tokenizer.open(folder)).isInstanceOf(Problem.class);
    }

    @Test
    void aHugeFileIsRefusedUnread() throws IOException {
        try (RandomAccessFile file =
                new RandomAccessFile(folder.resolve("tokenizer.json").toFile(), "rw")) {
            file.setLength(TokenizerFile.MAX_BYTES + 1);
        }
        assertThatThrownBy(() -> Tokenizer.open(folder))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID));
    }

    @Test
    void manyThreadsMayShareOne() throws Exception {
        List<String> texts = Fixtures.texts("spm");
        List<List<Token>> expected =
                texts.stream().map(t -> Fixtures.SPM.encode(t, true)).toList();
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<List<List<Token>>>> results = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                results.add(threads.submit(() ->
                        texts.stream().map(t -> Fixtures.SPM.encode(t, true)).toList()));
            }
            for (Future<List<List<Token>>> result : results) {
                assertThat(result.get()).isEqualTo(expected);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void aClosedTokenizerRefuses() {
        Tokenizer t = Fixtures.changed("spm", folder, json -> {});
        t.close();
        t.close();
        assertThatThrownBy(() -> t.encode("a", true)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> t.decode(List.of(1), true)).isInstanceOf(IllegalStateException.class);
    }

    private static JsonNode parse(String json) {
        try {
            return Json.mapper().readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
