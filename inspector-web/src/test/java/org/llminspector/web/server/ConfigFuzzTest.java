package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.checkpoint.Mutator;

/** Mutants of config.json: sizes, ropes, names and types. */
class ConfigFuzzTest extends ServedFuzzTest {

    private static final byte[] CONFIG = resource("golden/hf/llama/config.json");

    private static final List<byte[]> WORDS = Stream.of(
                    "-1",
                    "0",
                    "1",
                    "2",
                    "64",
                    "65536",
                    "1000000",
                    "2147483647",
                    "2147483648",
                    "9223372036854775808",
                    "1e300",
                    "1e-300",
                    "-0.0",
                    "0.25",
                    "null",
                    "true",
                    "[]",
                    "{}",
                    "\"llama\"",
                    "\"gpt2\"",
                    "\"gemma3_text\"",
                    "\"partial_rotary_factor\": 1e300,",
                    "\"partial_rotary_factor\": 0.5,",
                    "\"head_dim\": 1073741840,",
                    "\"num_hidden_layers\": 1000000,",
                    "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 1e30},",
                    "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 0,"
                            + " \"high_freq_factor\": 0},",
                    "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [], \"long_factor\": []},",
                    "\"rms_norm_eps\": -1,",
                    "\"vocab_size\": 0,",
                    ",",
                    "}",
                    "\u0000")
            .map(w -> w.getBytes(StandardCharsets.UTF_8))
            .toList();

    @Override
    protected List<String> files() {
        return List.of("golden/hf/llama/model.safetensors");
    }

    @Override
    protected String mutated() {
        return "config.json";
    }

    @Override
    protected byte[] mutant(Mutator m) {
        byte[] json = CONFIG;
        for (int n = 1 + m.below(3); n > 0; n--) json = m.edited(json, WORDS);
        return json;
    }

    @Override
    protected void use(String slug) {
        ask("GET", "/api/v1/models/" + slug, null);
        String run = ask("POST", "/api/v1/runs", "{\"model\":\"" + slug + "\",\"tokens\":[1,2,3]}")
                .path("id")
                .asText();
        assertThat(run).isNotEmpty();
    }
}
