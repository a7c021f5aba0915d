package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.corpus.TalesTokenizer;
import org.llminspector.tokenize.BpeFile;
import org.llminspector.tokenize.BpeTrainer;
import org.llminspector.train.Corpus.Split;

class TalesCommandTest {

    @TempDir
    Path folder;

    @Test
    void tellsTheStoriesThatWereAskedFor() {
        Tales tales = new Tales(5);
        assertThat(out("tales", "--seed", "5", "--from", "3", "--count", "2"))
                .contains(tales.document(Split.TRAIN, 3), tales.document(Split.TRAIN, 4));
        assertThat(out("tales", "--seed", "5", "--held-out")).contains(tales.document(Split.HELD_OUT, 0));
        assertThat(out("tales", "--chat", "--count", "2")).contains("USER: ", "ASSISTANT: ");
    }

    @Test
    void measuresWhatItTells() throws JsonProcessingException {
        BpeTrainer.Vocabulary bytes =
                BpeTrainer.train(java.util.stream.Stream.empty(), TalesTokenizer.CONTROL, TalesTokenizer.VOCABULARY);
        BpeFile.write(bytes, new BpeFile.Settings(TalesTokenizer.BEGIN, TalesTokenizer.END, null, 512), folder);
        JsonNode s = Json.mapper()
                .readTree(out(
                        "tales",
                        "--stats",
                        "--count",
                        "20",
                        "--told",
                        "50",
                        "--json",
                        "--tokenizer",
                        folder.toString()));
        assertThat(s.get("told").asInt()).isEqualTo(50);
        assertThat(s.get("distinct_stories").asInt()).isEqualTo(50);
        double characters = 0;
        for (int i = 0; i < 20; i++)
            characters += new Tales(1).document(Split.TRAIN, i).length() / 20.0;
        assertThat(s.get("tokens_per_story").asDouble()).isEqualTo(characters); // one token per byte
        assertThat(s.get("loss_bound").asDouble())
                .isCloseTo(
                        s.get("bits_per_story").asDouble() * Math.log(2) / characters,
                        org.assertj.core.data.Offset.offset(1e-9));
        long before = 0;
        for (JsonNode n : s.get("ngrams")) {
            assertThat(n.get("distinct").asLong())
                    .isBetween(before, n.get("all").asLong());
            before = n.get("distinct").asLong();
        }
        assertThat(out("tales", "--stats", "--count", "5")).contains("words per story", "DISTINCT");
    }

    @Test
    void refusesNonsense() {
        StringWriter err = new StringWriter();
        assertThat(InspectorCommand.run(
                        new PrintWriter(new StringWriter()), new PrintWriter(err), "tales", "--count", "0"))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--count");
    }

    private static String out(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        assertThat(InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), args))
                .as(err::toString)
                .isZero();
        return out.toString();
    }
}
