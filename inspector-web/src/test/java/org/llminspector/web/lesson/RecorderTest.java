package org.llminspector.web.lesson;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
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
    final AtomicBoolean stopped = new AtomicBoolean();
    final List<LessonProgress> progress = new CopyOnWriteArrayList<>();

    /** A recorder's script that asks for a run of 30,000 tokens, longer than any test waits. */
    private static final String ENDLESS = """
            ask({path: '/runs', keep: 'slow', read: true, body: {
                model: 'endless', tokens: [1, 2, 3], generate: {max_new_tokens: 30000, ignore_eos: true}}});
            """;

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
        TinyModels.endless(models);
        api = new Api("http://127.0.0.1:" + server.port(), null, stopped::get);
        recorder = new Recorder(api, stopped::get, Recorder.ONE, progress::add);
        run = Api.tree(api.ask("/runs", "{\"tokens\":[1,2,3]}", Recorder.ONE).body())
                .path("id")
                .asText();
    }

    @AfterEach
    void stop() {
        server.close();
        inspector.close();
    }

    @Test
    void answersAreKeptAsTheyCameAndWhatWasMadeForThemIsDeleted() throws Exception {
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
                .containsEntry(
                        "first", api.ask("/runs/" + run, null, Recorder.ONE).text());
        assertThat(recorder.refusals()).containsOnlyKeys("refused");
        String made = Api.tree(recorder.answers().get("made").getBytes(StandardCharsets.UTF_8))
                .path("id")
                .asText();
        assertThat(api.ask("/runs/" + made, null, Recorder.ONE).status()).isEqualTo(200);
        recorder.clean();
        assertThat(api.ask("/runs/" + made, null, Recorder.ONE).status()).isEqualTo(404);
        assertThat(api.ask("/runs/" + run, null, Recorder.ONE).status()).isEqualTo(200);
    }

    @Test
    void whatIsOnlyKeptIsAskedBesideTheProgramAndAllOfItIsThereInTheEnd() {
        record("""
                for (let i = 0; i < 40; i++) ask({path: '/runs/' + asked.run, body: null, keep: 'kept ' + i, read: false});
                const read = ask({path: '/runs/' + asked.run, body: null, keep: 'kept 7', read: true});
                ask({path: '/runs/none', body: null, keep: 'refused', read: false});
                host.made(JSON.stringify({chapters: [], run: {id: read.answer.id}}));
                """);
        assertThat(recorder.answers()).hasSize(40).containsKeys("kept 0", "kept 39");
        assertThat(recorder.answers().keySet()).startsWith("kept 0", "kept 1", "kept 2");
        assertThat(recorder.answers().values().stream().distinct()).hasSize(1);
        assertThat(recorder.refusals()).containsOnlyKeys("refused");
        assertThat(progress).hasSize(41);
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

    @Test
    void anAnswerThatTakesTooLongIsLeftOutAndItsRunIsGone() {
        recorder = new Recorder(api, stopped::get, Duration.ofSeconds(2), progress::add);
        record(ENDLESS + """
                ask({path: `/runs/${asked.run}`, body: null, keep: 'after', read: false});
                host.made(JSON.stringify({chapters: [], run: {}}));
                """);
        assertThat(recorder.answers()).containsOnlyKeys("after");
        assertThat(recorder.refusals().get("slow")).contains("no answer in 2 s");
        assertThat(recorder.leftOut()).isEqualTo(1);
        assertThat(progress).extracting(LessonProgress::leftOut).containsExactly(0, 1);
        recorder.clean();
        onlyTheFirstRunIsLeft();
    }

    @Test
    void aCancelledRecordingEndsAtOnceAndLeavesNothing() throws Exception {
        Thread stopper = new Thread(() -> {
            while (inspector.queue().status().running() == 0) Thread.onSpinWait();
            stopped.set(true);
        });
        stopper.start();
        assertThatThrownBy(() -> record(
                        ENDLESS + "while (true) ask({path: '/models', body: null, keep: 'x', read: true}).answer.id;"))
                .isInstanceOf(CancellationException.class);
        stopper.join();
        recorder.clean();
        onlyTheFirstRunIsLeft();
    }

    private void onlyTheFirstRunIsLeft() {
        // A run is stored a moment before its place in the queue is free.
        long until = System.nanoTime() + Duration.ofSeconds(5).toNanos();
        while (inspector.queue().status().running() > 0 && System.nanoTime() < until) Thread.onSpinWait();
        assertThat(inspector.queue().status().running()).isZero();
        assertThat(Api.tree(api.get("/runs")).path("runs"))
                .extracting(r -> r.path("id").asText())
                .containsExactly(run);
    }

    private Recorder.Recording record(String program) {
        String ask = """
                const asked = JSON.parse(host.asked(''));
                const ask = (request) => JSON.parse(host.call(JSON.stringify(request)));
                """;
        return recorder.record(ask + program, run, List.of("8", "9"), 1 << 20);
    }
}
