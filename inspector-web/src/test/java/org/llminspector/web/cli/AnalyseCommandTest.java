package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command analyse. */
class AnalyseCommandTest extends CommandTest {

    private static final String[] PAIR = {
        "--model", "tiny", "--tokens", "1,20,33,40,51", "--b", "{\"tokens\":[1,20,60,40,51]}"
    };

    private static Ended analyse(String... args) {
        return command("analyse", args);
    }

    private static String[] pair(String kind, String... more) {
        String[] all = new String[1 + PAIR.length + more.length];
        all[0] = kind;
        System.arraycopy(PAIR, 0, all, 1, PAIR.length);
        System.arraycopy(more, 0, all, 1 + PAIR.length, more.length);
        return all;
    }

    @Test
    void helpNamesEachKind() {
        assertThat(inspector("analyse", "--help").out())
                .contains(
                        "patch ",
                        "attribution ",
                        "path ",
                        "edges ",
                        "restore ",
                        "qk ",
                        "lens ",
                        "probe ",
                        "interchange ");
    }

    @Test
    void printsWhatWasFoundAndItsInvariants() {
        Ended patch = analyse(pair("patch", "--metric", "logit", "--by", "layer"));
        assertThat(patch.code()).as(patch.err()).isZero();
        assertThat(patch.out()).contains("hook_resid_pre, share of the difference", "invariants hold");
        assertThat(patch.err()).contains("analysis ");
        Ended edges = analyse(pair("edges", "--metric", "logit", "--steps", "2", "--measured", "3", "-q"));
        assertThat(edges.code()).as(edges.err()).isZero();
        assertThat(edges.out()).contains("input", "FAITHFULNESS", "CPR", "rank correlation");
        Ended heads = analyse(pair("patch", "--metric", "logit", "--by", "head_position"));
        assertThat(heads.out()).contains("attn.hook_z", "head 0, pos ");
        Ended path = analyse(pair(
                "path", "--metric", "logit", "--cell", "hook_embed,positions=1", "--receiver", "blocks.1.attn.hook_q"));
        assertThat(path.code()).as(path.err()).isZero();
        assertThat(path.out()).contains("blocks.1.attn.hook_q, head 0", "together: ");
    }

    @Test
    void printsWhatOneRunHas(@TempDir Path dir) throws IOException {
        Ended qk = analyse(
                "qk",
                "--model",
                "tiny",
                "--prompt",
                "the cat",
                "--cell",
                "blocks.1.attn.hook_attn_scores,heads=1,positions=-1,keys=0");
        assertThat(qk.code()).as(qk.err()).isZero();
        assertThat(qk.out()).contains("QUERY", "input", "1 of 1 invariants hold");
        Path examples = dir.resolve("examples.jsonl");
        Files.writeString(examples, "{\"prompt\":\"the cat sat\"}\n{\"prompt\":\"the dog sat\"}\n\n");
        Ended lens =
                analyse("lens", "--model", "tiny", "--prompt", "the cat", "--steps", "2", "--examples", "" + examples);
        assertThat(lens.code()).as(lens.err()).isZero();
        assertThat(lens.out()).contains("THIS LENS KL");
        Files.writeString(examples, "{\"prompt\":\"the cat\"}\n{\"prompt\":");
        assertThat(analyse("lens", "--model", "tiny", "--prompt", "the cat", "--examples", "" + examples)
                        .err())
                .contains("line 2");
    }

    @Test
    void restoresAQuantizedModelAndPrintsJson() {
        Ended restored = analyse(
                "restore", "--model", "tiny", "--prompt", "the cat", "--b", "engine=onnx,precision=int4_32", "--json");
        assertThat(restored.code()).as(restored.err()).isZero();
        JsonNode answer = tree(restored.out());
        assertThat(answer.at("/restored/mended").asBoolean()).isTrue();
        assertThat(answer.at("/corrupt/engine/precision").asText()).isEqualTo("int4_32");
    }

    @Test
    void refusesInWords() {
        assertThat(analyse(pair("guess")).err()).contains("KIND", "patch, attribution, path, edges, restore");
        assertThat(analyse(pair("path", "--metric", "logit")).err()).contains("a path begins at a sender");
        assertThat(analyse(pair("path", "--cell", "hook_embed,heads=x")).err()).contains("this is no cell");
        Ended longer = analyse("patch", "--model", "tiny", "--prompt", "the cat", "--corrupt", "the cat and the dog");
        assertThat(longer.code()).isEqualTo(2);
        assertThat(longer.err()).contains("different lengths");
        Ended alike =
                analyse("patch", "--model", "tiny", "--prompt", "the cat", "--corrupt", "the cat", "--metric", "kl");
        assertThat(alike.err()).contains("answer alike");
    }
}
