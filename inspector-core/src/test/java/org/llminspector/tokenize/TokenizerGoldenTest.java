package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The tokenizer says what Python's tokenizers library says, id by id and offset by offset. */
class TokenizerGoldenTest {

    @ParameterizedTest
    @ValueSource(strings = {"bytelevel", "spm"})
    void encodesAndDecodesAsPython(String name) {
        Tokenizer tokenizer = Fixtures.of(name);
        JsonNode cases = Fixtures.golden(name).get("cases");
        assertThat(cases.size()).isGreaterThan(60);
        for (JsonNode c : cases) {
            for (boolean special : new boolean[] {false, true}) {
                String text = c.get("text").asText();
                JsonNode golden = c.get(special ? "special" : "plain");
                List<Token> tokens = tokenizer.encode(text, special);
                List<Integer> ids = Fixtures.ids(tokens);
                assertThat(ids).as(text).isEqualTo(Fixtures.ids(golden.get("ids")));
                assertThat(tokenizer.decode(ids, false))
                        .isEqualTo(golden.get("decoded").asText());
                assertThat(tokenizer.decode(ids, true))
                        .isEqualTo(golden.get("decoded_skip").asText());
                for (int i = 0; i < tokens.size(); i++) {
                    checkOffsets(text, tokens.get(i), golden.get("offsets").get(i));
                }
            }
        }
    }

    /** Python counts code points, and gives 0, 0 to a token that comes from no text. */
    private static void checkOffsets(String text, Token token, JsonNode golden) {
        int start = golden.get(0).asInt();
        int end = golden.get(1).asInt();
        if (token.start() == null) {
            assertThat(token.special()).isTrue();
            assertThat(token.end()).isNull();
            assertThat(List.of(start, end)).containsExactly(0, 0);
            return;
        }
        assertThat(token.start()).as("start of %s in %s", token, text).isEqualTo(text.offsetByCodePoints(0, start));
        assertThat(token.end()).as("end of %s in %s", token, text).isEqualTo(text.offsetByCodePoints(0, end));
    }

    @ParameterizedTest
    @ValueSource(strings = {"bytelevel", "spm"})
    void decodesWhatARandomModelWrites(String name) {
        Tokenizer tokenizer = Fixtures.of(name);
        for (JsonNode c : Fixtures.golden(name).get("decode")) {
            List<Integer> ids = Fixtures.ids(c.get("ids"));
            assertThat(tokenizer.decode(ids, false)).isEqualTo(c.get("decoded").asText());
            assertThat(tokenizer.decode(ids, true))
                    .isEqualTo(c.get("decoded_skip").asText());
        }
        JsonNode each = Fixtures.golden(name).get("each");
        assertThat(tokenizer.vocabSize()).isEqualTo(each.size());
        for (int id = 0; id < each.size(); id++) {
            assertThat(tokenizer.decode(List.of(id), false))
                    .isEqualTo(each.get(id).asText());
        }
    }
}
