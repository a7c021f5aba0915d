package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.StreamSupport;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** The golden is Hugging Face's BpeTrainer on the same texts: scripts/golden/make_bpe.py. */
class BpeTrainerTest {

    private static final JsonNode GOLDEN = Json.readObject(Path.of("src/test/resources/bpe.json"));
    private static final List<String> TEXTS = strings("texts");
    private static final BpeFile.Settings SETTINGS = new BpeFile.Settings("<|begin|>", "<|end|>", null, 64);

    private static final Tokenizer SHARED = shared();

    @TempDir
    Path folder;

    private BpeTrainer.Vocabulary vocabulary;

    @BeforeEach
    void train() {
        vocabulary = BpeTrainer.train(
                TEXTS.stream(), strings("control"), GOLDEN.get("size").asInt());
    }

    @Test
    void learnsWhatHuggingFaceLearns() {
        assertThat(vocabulary.merges()).isEqualTo(strings("merges"));
        assertThat(vocabulary.pieces()).isEqualTo(strings("pieces"));
    }

    @Test
    void theOrderOfTheTextsDoesNotMatter() {
        List<String> turned = new ArrayList<>(TEXTS);
        Collections.reverse(turned);
        assertThat(BpeTrainer.train(turned.stream(), vocabulary.control(), 420)).isEqualTo(vocabulary);
    }

    @Test
    void theFileEncodesAsHuggingFaceDoes() {
        BpeFile.write(vocabulary, SETTINGS, folder);
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow()) {
            for (JsonNode c : GOLDEN.get("cases")) {
                List<Integer> ids = StreamSupport.stream(c.get("ids").spliterator(), false)
                        .map(JsonNode::asInt)
                        .toList();
                String text = c.get("text").asText();
                assertThat(ids(tokenizer, text, false)).as(text).isEqualTo(ids);
                assertThat(tokenizer.decode(ids, true)).isEqualTo(text);
            }
            assertThat(ids(tokenizer, "a<|end|>", true)).startsWith(0).endsWith(1);
            assertThat(tokenizer.bosId()).isZero();
            assertThat(tokenizer.eosIds()).containsExactly(1);
        }
    }

    @Property(tries = 300)
    void everyTextComesBack(@ForAll String text) {
        String whole = Tokenizer.withoutLoneSurrogates(text);
        assertThat(SHARED.decode(ids(SHARED, whole, false), false)).isEqualTo(whole);
    }

    @Test
    void smallVocabulariesAreRefused() {
        assertThatThrownBy(() -> BpeTrainer.train(TEXTS.stream(), vocabulary.control(), 257))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("at least 258");
    }

    @Test
    void textsWithNothingToMergeGiveTheBytes() {
        assertThat(BpeTrainer.train(List.of("a").stream(), List.of(), 300).pieces())
                .hasSize(256);
    }

    private static Tokenizer shared() {
        try {
            Path folder = Files.createTempDirectory("bpe");
            BpeFile.write(BpeTrainer.train(TEXTS.stream(), strings("control"), 420), SETTINGS, folder);
            return Tokenizer.open(folder).orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<Integer> ids(Tokenizer tokenizer, String text, boolean special) {
        return tokenizer.encode(text, special).stream().map(Token::id).toList();
    }

    private static List<String> strings(String field) {
        return StreamSupport.stream(GOLDEN.get(field).spliterator(), false)
                .map(JsonNode::asText)
                .toList();
    }
}
