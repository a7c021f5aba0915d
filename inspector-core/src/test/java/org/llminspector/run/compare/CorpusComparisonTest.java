package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.engine.Precision;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.request.SweepRequestBuilder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;

class CorpusComparisonTest {

    private static final RunRequest INT8 =
            RunRequest.builder().engine("onnx").precision(Precision.INT8).build();

    @TempDir
    static Path temp;

    private static Inspector inspector;
    private static SweepRequest.Texts texts;

    @BeforeAll
    static void open() throws IOException {
        inspector = TextModel.open(temp, 1 << 28);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 9; i++) {
            text.append("The cat sat on mat ".repeat(1 + i % 4)).append(i).append("\n\n");
        }
        Path corpus = Files.writeString(temp.resolve("cats.txt"), text);
        texts = new SweepRequest.Texts(corpus.toString(), null, null, null, true, null);
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    private static ComparisonRequestBuilder request(RunRequest b) {
        return ComparisonRequestBuilder.builder()
                .a(RunRequest.builder().build())
                .b(b)
                .corpus(texts)
                .options(new ComparisonRequest.Options(
                        List.of("blocks.*.hook_resid_post"), false, null, 16, null, false, null, null));
    }

    private static ComparisonManifest compare(ComparisonRequestBuilder request) {
        return inspector.comparisons().compare(request.build(), ComparisonListener.NONE);
    }

    @Test
    void itsNumbersAreThoseOfTheSweepOfBothSides() throws IOException {
        ComparisonManifest m = compare(request(INT8).text("The cat sat on the mat"));
        Path folder = temp.resolve("sweep");
        SweepRequest sweep = SweepRequestBuilder.builder()
                .b(INT8)
                .corpus(texts)
                .window(16)
                .reduce(List.of())
                .build();
        Sweeps.Done done =
                inspector.sweeps().run(sweep, folder, Sweeps.Share.ALL, Sweeps.MOST_BYTES, SweepListener.NONE);
        CorpusDivergence swept = new SweepResults(new SweepFolder(folder)).divergence();
        assertThat(m.corpus().divergence()).isEqualTo(swept);
        assertThat(m.corpus().windows()).isEqualTo(done.manifest().windows());
        assertThat(swept.meanKld().low())
                .isPositive()
                .isLessThan(swept.meanKld().value());
        assertThat(m.a().tokens()).isEmpty();
        assertThat(m.text().tokens()).isPositive();
        assertThat(inspector.comparisons().manifest(m.id())).isEqualTo(m);
        assertThat(inspector.comparisons().list(1, null).get(0).meanKld())
                .isEqualTo(swept.meanKld().value());
        Path kept = temp.resolve("runs/comparisons").resolve(m.id()).resolve("corpus");
        try (Stream<Path> files = Files.list(kept)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("sweep.json", "documents.jsonl", "divergence.safetensors");
        }
        inspector.comparisons().delete(m.id());
        assertThat(kept).doesNotExist();
    }

    /** With nothing else to read the hooks are compared over the corpus's first window. */
    @Test
    void aCorpusIsEnough() {
        ComparisonManifest m = compare(request(RunRequest.builder().build()));
        assertThat(m.corpus().divergence().meanKld().value()).isZero();
        assertThat(m.corpus().divergence().sameTop().low()).isEqualTo(1);
        assertThat(m.hooks()).isNotEmpty();
        assertThat(m.a().tokens()).hasSizeBetween(2, 16);
        assertThat(m.prompt().positions()).isEqualTo(m.a().tokens().size());
    }

    @Test
    void aCancelledOneKeepsNothing() {
        int before = inspector.comparisons().list(100, null).size();
        ComparisonListener cancels = new ComparisonListener() {
            private volatile boolean began;

            @Override
            public void progress(Progress p) {
                began |= p.phase().equals("corpus") && p.done() > 0;
            }

            @Override
            public boolean cancelled() {
                return began;
            }
        };
        ComparisonRequest asked = request(INT8).build();
        assertThatThrownBy(() -> inspector.comparisons().compare(asked, cancels))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("the comparison was cancelled");
        assertThat(inspector.comparisons().list(100, null)).hasSize(before);
        assertThat(inspector.queue().entries()).isEmpty();
    }

    @Test
    void whatASweepCannotHaveIsRefusedFirst() {
        RunRequest frozen = RunRequest.builder()
                .interventions(List.of(InterventionBuilder.builder()
                        .hook("blocks.0.hook_resid_post")
                        .op(Intervention.Op.FREEZE)
                        .build()))
                .build();
        assertThatThrownBy(() -> compare(request(frozen))).isInstanceOf(Problem.class);
        // It would have cost nothing: windows are single passes.
        RunRequest cache =
                RunRequest.builder().kvCache(new KvFormats(KvFormat.INT8, null)).build();
        assertThatThrownBy(() -> compare(request(cache)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("nothing back from a cache")
                .hasMessageContaining("b.kv_cache");
        SweepRequest.Texts gone = new SweepRequest.Texts("none.txt", null, null, null, null, null);
        assertThatThrownBy(() -> compare(request(INT8).corpus(gone)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such corpus");
    }
}
