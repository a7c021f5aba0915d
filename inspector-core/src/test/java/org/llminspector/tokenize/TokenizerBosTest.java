package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;

/**
 * What is added around a text is what transformers 5 adds: tokenizer.json's post_processor decides, and add_bos_token,
 * add_eos_token and legacy of tokenizer_config.json do not. scripts/golden/make_bos.py made the golden.
 */
class TokenizerBosTest {

    @Test
    void addsWhatTransformersAdds(@TempDir Path folder) throws IOException {
        JsonNode golden = Json.readObject(Fixtures.folder("bos.json"));
        JsonNode cases = golden.get("cases");
        assertThat(cases.size()).isGreaterThan(300);
        Map<String, Tokenizer> open = new HashMap<>();
        int exact = 0;
        for (JsonNode c : cases) {
            Tokenizer tokenizer = open.computeIfAbsent(
                    c.get("base").asText() + c.get("post_processor") + c.get("config"), k -> opened(folder, c));
            for (int i = 0; i < golden.get("texts").size(); i++) {
                String text = golden.get("texts").get(i).asText();
                List<Integer> expected = Fixtures.ids(c.get("ids").get(i));
                List<Integer> ids = Fixtures.ids(tokenizer.encode(text, true));
                List<Integer> plain = Fixtures.ids(tokenizer.encode(text, false));
                if (!c.get("rebuilt").asBoolean()) {
                    assertThat(ids).as("%s with %s", text, c).isEqualTo(expected);
                    exact++;
                }
                int at = Collections.indexOfSubList(ids, plain);
                JsonNode around = c.get("around").get(i);
                assertThat(ids.subList(0, at)).isEqualTo(Fixtures.ids(around.get(0)));
                assertThat(ids.subList(at + plain.size(), ids.size())).isEqualTo(Fixtures.ids(around.get(1)));
            }
        }
        assertThat(exact).isGreaterThan(1000);
        open.values().forEach(Tokenizer::close);
    }

    private static Tokenizer opened(Path folder, JsonNode c) {
        try {
            ObjectNode json = (ObjectNode)
                    Json.readObject(Fixtures.folder(c.get("base").asText()).resolve("tokenizer.json"));
            if (!c.get("post_processor").asText().equals("file")) json.set("post_processor", c.get("post_processor"));
            Files.writeString(folder.resolve("tokenizer.json"), json.toString());
            Files.writeString(
                    folder.resolve("tokenizer_config.json"), c.get("config").toString());
            return Tokenizer.open(folder).orElseThrow();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
