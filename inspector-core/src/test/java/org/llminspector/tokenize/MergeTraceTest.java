package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.From;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.MergeTrace.Kind;
import org.llminspector.tokenize.MergeTrace.Merge;
import org.llminspector.tokenize.MergeTrace.Piece;
import org.llminspector.tokenize.MergeTrace.Symbol;

class MergeTraceTest {

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"bytelevel", "spm"})
    void endsInTheGoldenTokens(String name) {
        Tokenizer tokenizer = Fixtures.of(name);
        for (JsonNode c : Fixtures.golden(name).get("cases")) {
            MergeTrace trace = check(tokenizer, c.get("text").asText());
            assertThat(Fixtures.ids(trace.tokens()))
                    .isEqualTo(Fixtures.ids(c.get("plain").get("ids")));
        }
    }

    @Test
    void showsEachStep() {
        Piece the = check(Fixtures.BYTE_LEVEL, "when the").pieces().get(1);
        assertThat(the.text()).isEqualTo(" the");
        assertThat(the.start()).isEqualTo(4);
        assertThat(the.end()).isEqualTo(8);
        assertThat(the.kind()).isEqualTo(Kind.MERGED);
        assertThat(the.symbols()).extracting(Symbol::piece).containsExactly("\u0120", "t", "h", "e");
        assertThat(the.symbols()).extracting(Symbol::text).containsExactly(" ", "t", "h", "e");
        Merge first = the.merges().get(0);
        assertThat(first.rank()).isZero(); // the first merge of the file is of h and e
        assertThat(first.at()).isEqualTo(2);
        assertThat(first.left().piece() + "+" + first.right().piece()).isEqualTo("h+e");
        assertThat(the.after(1)).extracting(Symbol::text).containsExactly(" ", "t", "he");
        assertThat(the.tokens()).extracting(Token::text).containsExactly(" the");
    }

    /** A SentencePiece text is one piece, with a space put in front. */
    @Test
    void bytesThatTheVocabularyLacksAreSymbols() {
        Piece piece = check(Fixtures.SPM, "\ud83d\ude00").pieces().get(0);
        assertThat(piece.symbols())
                .extracting(Symbol::piece)
                .containsExactly("\u2581", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>");
        assertThat(piece.merges()).isEmpty();
        assertThat(piece.text()).isEqualTo("\ud83d\ude00");
    }

    @Test
    void addedTokensAreCutOutFirst() {
        List<Piece> pieces =
                check(Fixtures.BYTE_LEVEL, "the<|endoftext|><think>the").pieces();
        assertThat(pieces).extracting(Piece::kind).containsExactly(Kind.MERGED, Kind.ADDED, Kind.ADDED, Kind.MERGED);
        assertThat(pieces.get(1).text()).isEqualTo("<|endoftext|>");
        assertThat(check(Fixtures.BYTE_LEVEL, "").pieces()).isEmpty();
    }

    /** Llama 3: a piece of the vocabulary is a token, also when no merges lead to it. */
    @Test
    void ignoreMergesTakesWholePieces() {
        Consumer<ObjectNode> change = json -> {
            ObjectNode model = (ObjectNode) json.get("model");
            model.put("ignore_merges", true);
            ((ObjectNode) model.get("vocab")).put("\u0120zebra", 400);
            json.set("pre_tokenizer", split("(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}|\\\\s+"));
        };
        try (Tokenizer t = Fixtures.changed("bytelevel", folder, change)) {
            List<Piece> pieces = check(t, "the zebra zebras 12345").pieces();
            assertThat(pieces).extracting(Piece::text).containsExactly("the", " zebra", " zebras", " ", "123", "45");
            assertThat(pieces.get(1).kind()).isEqualTo(Kind.WHOLE);
            assertThat(pieces.get(1).tokens()).extracting(Token::id).containsExactly(400);
            assertThat(pieces.get(1).symbols()).hasSize(6);
            assertThat(pieces.get(2).kind()).isEqualTo(Kind.MERGED);
            for (String text : Fixtures.texts("bytelevel")) check(t, text);
        }
    }

    /** Published layouts: the library itself normalizes and splits, for every file. */
    @Test
    void everyNormalizerAndPreTokenizer() {
        String byteLevel =
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}";
        for (String change : List.of(
                "normalizer {\"type\":\"NFC\"}",
                "normalizer {\"type\":\"NFKC\"}",
                "normalizer {\"type\":\"Lowercase\"}",
                "normalizer {\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"},{\"type\":\"StripAccents\"}]}",
                "pre_tokenizer {\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true},"
                        + byteLevel + "]}",
                "pre_tokenizer {\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\",\"behavior\":\"Isolated\"},"
                        + byteLevel + "]}",
                "pre_tokenizer {\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Whitespace\"}," + byteLevel + "]}",
                "pre_tokenizer {\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"BertPreTokenizer\"}," + byteLevel
                        + "]}",
                "pre_tokenizer " + byteLevel.replace("\"add_prefix_space\":false", "\"add_prefix_space\":true"))) {
            String[] part = change.split(" ", 2);
            try (Tokenizer t = Fixtures.changed("bytelevel", folder, j -> j.set(part[0], parse(part[1])))) {
                for (String text : shortTexts("bytelevel")) check(t, text);
            }
        }
        String metaspace = "{\"type\":\"Metaspace\",\"replacement\":\"\u2581\",\"prepend_scheme\":\"%s\",\"split\":%s}";
        for (String scheme : List.of("always", "first", "never")) {
            for (boolean split : List.of(true, false)) {
                Consumer<ObjectNode> change = json -> {
                    json.putNull("normalizer");
                    json.set("pre_tokenizer", parse(metaspace.formatted(scheme, split)));
                };
                try (Tokenizer t = Fixtures.changed("spm", folder, change)) {
                    for (String text : shortTexts("spm")) check(t, text);
                }
            }
        }
    }

    /** Files before 2024 write a merge as one string, and GPT-1 ends words with a suffix. */
    @Test
    void olderFiles() {
        Consumer<ObjectNode> change = json -> {
            ObjectNode model = (ObjectNode) json.get("model");
            ArrayNode strings = Json.mapper().createArrayNode();
            model.get("merges")
                    .forEach(m -> strings.add(m.get(0).asText() + " " + m.get(1).asText()));
            model.set("merges", strings);
            model.remove("type");
        };
        try (Tokenizer t = Fixtures.changed("bytelevel", folder, change)) {
            for (String text : Fixtures.texts("bytelevel")) {
                assertThat(check(t, text)).isEqualTo(MergeTrace.of(Fixtures.BYTE_LEVEL, text));
            }
        }
        String gpt1 = """
                {"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},
                 "post_processor":null,"decoder":{"type":"BPEDecoder","suffix":"</w>"},
                 "model":{"type":"BPE","unk_token":"<unk>","end_of_word_suffix":"</w>","fuse_unk":true,
                 "continuing_subword_prefix":"##",
                 "vocab":{"<unk>":0,"t":1,"##h":2,"##e</w>":3,"th":4,"the</w>":5,"##e":6,"##he":7,"the":8,"##n</w>":9},
                 "merges":["t ##h","th ##e</w>","##h ##e","t ##he"]}}""";
        try (Tokenizer t =
                Fixtures.changed("spm", folder, json -> json.removeAll().setAll((ObjectNode) parse(gpt1)))) {
            List<Piece> pieces = check(t, "the then \u00e9\u00e9").pieces();
            assertThat(pieces.get(0).tokens()).extracting(Token::id).containsExactly(5);
            assertThat(pieces.get(1).tokens()).extracting(Token::id).containsExactly(4, 6, 9);
            assertThat(pieces.get(2).symbols()).extracting(Symbol::id).containsExactly(0);
            assertThat(pieces.get(2).kind()).isEqualTo(Kind.MERGED);
        }
    }

    @Test
    void modelsWithoutMergesSayWhy() throws IOException {
        refuses("{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1},\"unk_token\":\"a\"}", "WordLevel", "one token");
        refuses("{\"type\":\"Unigram\",\"vocab\":[[\"<unk>\",0.0],[\"b\",-1.0]],\"unk_id\":0}", "Unigram", "likeliest");
        refuses(
                "{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"##b\":1},\"unk_token\":\"a\","
                        + "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100}",
                "WordPiece",
                "from the left");
    }

    private static List<String> shortTexts(String name) {
        return Fixtures.texts(name).stream().filter(t -> t.length() < 200).toList();
    }

    private void refuses(String model, String type, String why) {
        Consumer<ObjectNode> change = json -> {
            json.set("model", parse(model));
            json.putNull("post_processor");
            json.set("added_tokens", Json.mapper().createArrayNode());
        };
        try (Tokenizer t = Fixtures.changed("spm", folder, change)) {
            assertThatThrownBy(() -> MergeTrace.of(t, "a b")).isInstanceOfSatisfying(Problem.class, p -> {
                assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
                assertThat(p.found()).isEqualTo(type);
                assertThat(p.where()).contains("tokenizer.json");
                assertThat(p.instead()).contains(why);
            });
        }
    }

    @Test
    void randomMergesAndLongTextsAreRefused() {
        try (Tokenizer t = Fixtures.changed("spm", folder, j -> ((ObjectNode) j.get("model")).put("dropout", 0.1))) {
            assertThatThrownBy(() -> MergeTrace.of(t, "a")).hasMessageContaining("random");
        }
        String longest = "a ".repeat(MergeTrace.MAX_CHARACTERS / 2);
        assertThat(MergeTrace.of(Fixtures.SPM, longest).tokens()).isNotEmpty();
        assertThatThrownBy(() -> MergeTrace.of(Fixtures.SPM, longest + "a")).hasMessageContaining("too long to trace");
    }

    @Property(tries = 100, seed = "20251125")
    void endsInTheTokensOfAnyText(@ForAll String any, @ForAll List<@From("words") String> words) {
        String text = any + String.join("", words);
        check(Fixtures.BYTE_LEVEL, text);
        check(Fixtures.SPM, text);
    }

    /** What merges: pieces of the fixtures' own text, and what cuts them. */
    @Provide
    Arbitrary<String> words() {
        return Arbitraries.of(
                "the", " the", "th", "he", "word", "words ", "machine", " and", "e", "t", " ", "\n", "<s>", "<think>",
                "\u00e9");
    }

    /** Properties of every trace: it ends in the tokens, and no step skips a merge of a lower rank. */
    static MergeTrace check(Tokenizer tokenizer, String text) {
        MergeTrace trace = MergeTrace.of(tokenizer, text);
        assertThat(trace.tokens()).as(text).isEqualTo(tokenizer.encode(text, false));
        MergeRules rules = tokenizer.mergeRules();
        for (Piece piece : trace.pieces()) {
            assertThat(text.substring(piece.start(), piece.end()).length())
                    .isEqualTo(piece.text().length());
            assertThat(piece.after(0)).isEqualTo(piece.symbols());
            if (piece.kind() != Kind.MERGED) continue;
            List<Symbol> last = piece.after(piece.merges().size());
            assertThat(last).extracting(Symbol::id).isEqualTo(Fixtures.ids(piece.tokens()));
            if (piece.symbols().size() > 200) continue;
            for (int i = 0; i < piece.merges().size(); i++) {
                Merge merge = piece.merges().get(i);
                List<Symbol> before = piece.after(i);
                assertThat(before.get(merge.at())).isEqualTo(merge.left());
                assertThat(before.get(merge.at() + 1)).isEqualTo(merge.right());
                assertThat(merge.rank()).isEqualTo(lowest(rules, before));
            }
            assertThat(lowest(rules, last)).isEqualTo(Integer.MAX_VALUE);
        }
        return trace;
    }

    private static int lowest(MergeRules rules, List<Symbol> symbols) {
        int lowest = Integer.MAX_VALUE;
        for (int i = 0; i + 1 < symbols.size(); i++) {
            MergeRules.Rule rule =
                    rules.of(symbols.get(i).id(), symbols.get(i + 1).id());
            if (rule != null) lowest = Math.min(lowest, rule.rank());
        }
        return lowest;
    }

    private static JsonNode split(String regex) {
        return parse("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" + regex
                + "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                + "\"trim_offsets\":true,\"use_regex\":false}]}");
    }

    private static JsonNode parse(String json) {
        try {
            return Json.mapper().readTree(json);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
