package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;

/** scripts/golden/make_encodings.py made the golden with Python's tiktoken. */
class EncodingsTest {

    private static final Path GOLDEN = Path.of("src/test/resources/encodings.json");

    @Test
    void encodesAsTiktoken() {
        JsonNode cases = Json.readObject(GOLDEN).get("cases");
        assertThat(cases.size()).isGreaterThan(60);
        SoftAssertions soft = new SoftAssertions();
        for (JsonNode c : cases) {
            String text = c.get("text").asText();
            for (String name : Encodings.names()) {
                List<Token> tokens = Encodings.encode(name, text);
                soft.assertThat(Fixtures.ids(tokens)).as(name + ": " + text).isEqualTo(Fixtures.ids(c.get(name)));
                soft.assertThat(Encodings.decode(name, Fixtures.ids(tokens))).isEqualTo(text);
                checkOffsets(text, tokens);
            }
        }
        soft.assertAll();
    }

    @Test
    void aTokenHasItsBytesAndItsPlace() {
        List<Token> tokens = Encodings.encode("cl100k_base", "Hi \ud83d\ude00!");
        assertThat(tokens.get(0)).isEqualTo(new Token(13347, "Hi", List.of(72, 105), 0, 2, false));
        assertThat(Encodings.encode("r50k_base", "\ud83d\ude00"))
                .extracting(Token::text)
                .contains("<0x80>");
        assertThat(Encodings.encode("r50k_base", "\ud83d\ude00").get(1).start()).isZero();
        assertThat(Encodings.encode("r50k_base", "\ud83d\ude00").get(1).end()).isEqualTo(2);
        assertThat(Encodings.encode("o200k_base", "<|endoftext|>")).hasSizeGreaterThan(1);
        assertThat(Encodings.decode("o200k_base", List.of(199999))).isEqualTo("<|endoftext|>");
    }

    @Test
    void whatDoesNotExistIsAProblem() {
        assertThatThrownBy(() -> Encodings.encode("gpt5", "a")).hasMessageContaining("cl100k_base, o200k_base");
        assertThatThrownBy(() -> Encodings.decode("r50k_base", List.of(60_000))).hasMessageContaining("60000");
        assertThatThrownBy(() -> Encodings.decode("r50k_base", List.of(-1))).hasMessageContaining("-1");
    }

    @Property(tries = 100, seed = "20251125")
    void losesNothing(@ForAll String any) {
        String text = Tokenizer.withoutLoneSurrogates(any);
        for (String name : Encodings.names()) {
            List<Token> tokens = Encodings.encode(name, any);
            assertThat(Encodings.decode(name, Fixtures.ids(tokens))).isEqualTo(text);
            checkOffsets(text, tokens);
        }
    }

    private static void checkOffsets(String text, List<Token> tokens) {
        int end = 0;
        for (Token t : tokens) {
            assertThat(t.start()).isLessThanOrEqualTo(end).isLessThan(t.end());
            assertThat(text.substring(t.start(), t.end())).isNotEmpty();
            end = t.end();
        }
        assertThat(end).isEqualTo(text.length());
    }
}
