package org.llminspector.web.lesson;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.web.TinyModels;
import org.llminspector.web.server.Server;

/** What a program in QuickJS asks a real server, and what becomes of the answers. */
class RecorderTest {

    @TempDir
    Path folder;

    Inspector inspector;
    Server server;
    Api api;
    Recorder recorder;
    String run;

    @BeforeEach
    void start() throws Exception {
        Path models = TinyModels.in(folder);
        inspector = Inspector.open(new InspectorConfig(
                List.of(models),
                models.resolve("tiny"),
                folder.resolve("runs"),
                1L << 30,
                8L << 20,
                InspectorConfig.standardMemory(),
                4,
                folder.resolve("trained"),
                System.getenv()));
        server = Server.start(inspector, new Server.Config("127.0.0.1", 0, null));
        api = new Api("http://127.0.0.1:" + server.port(), null);
        recorder = new Recorder(api, what -> {});
        run = Api.tree(api.ask("/runs", "{\"tokens\":[1,2,3]}").body())
                .path("id")
                .asText();
    }

    @AfterEach
    void stop() {
        server.close();
        inspector.close();
    }

    @Test
    void answersAreKeptAsTheyCameAndWhatWasMadeForThemIsDeleted() {
        Recorder.Recording recording = record("""
                const first = ask({path: `/runs/${asked.run}`, body: null, keep: 'first', read: true});
                const refused = ask({path: `/runs/${asked.run}/captures/logits`, body: null, keep: 'refused', read: true});
                const made = ask({path: '/runs', body: {tokens: [4, 5]}, keep: 'made', read: false});
                host.made(JSON.stringify({
                    chapters: asked.chapters,
                    run: {id: first.answer.id, status: refused.problem.status, unread: Object.keys(made).length},
                }));
                """);
        assertThat(recording.chapters()).containsExactly("8", "9");
        assertThat(recording.run().path("id").asText()).isEqualTo(run);
        assertThat(recording.run().path("status").asInt()).isEqualTo(404);
        assertThat(recording.run().path("unread").asInt()).isZero();
        assertThat(recorder.answers()).containsOnlyKeys("first", "made");
        assertThat(recorder.answers())
                .containsEntry("first", api.ask("/runs/" + run, null).text());
        assertThat(recorder.refusals()).containsOnlyKeys("refused");
        String made = Api.tree(recorder.answers().get("made").getBytes(StandardCharsets.UTF_8))
                .path("id")
                .asText();
        assertThat(api.ask("/runs/" + made, null).status()).isEqualTo(200);
        recorder.clean();
        assertThat(api.ask("/runs/" + made, null).status()).isEqualTo(404);
        assertThat(api.ask("/runs/" + run, null).status()).isEqualTo(200);
    }

    @Test
    void whatAProgramRefusesIsAProblem() {
        assertThatThrownBy(() -> record("""
                host.made(JSON.stringify({problem: {what: 'there is no such chapter', where: 'chapters', found: asked.chapters[0]}}));
                """))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("there is no such chapter");
    }

    @Test
    void aProgramThatSaysNothingIsADefect() {
        assertThatThrownBy(() -> record("")).isInstanceOf(IllegalStateException.class);
    }

    private Recorder.Recording record(String program) {
        String ask = """
                const asked = JSON.parse(host.asked(''));
                const ask = (request) => JSON.parse(host.call(JSON.stringify(request)));
                """;
        return recorder.record(ask + program, run, List.of("8", "9"), 1 << 20);
    }
}
