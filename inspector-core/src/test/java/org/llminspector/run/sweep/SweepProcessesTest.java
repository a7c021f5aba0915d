package org.llminspector.run.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.JavaProcess;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.request.SweepRequestBuilder;

/** A sweeping process is killed at any moment: the next one goes on, and the result is the same bit for bit. */
class SweepProcessesTest {

    @TempDir
    Path temp;

    static SweepRequest request(Path corpus) {
        return SweepRequestBuilder.builder()
                .corpus(new SweepRequest.Texts(corpus.toString(), null, null, null, true, null))
                .reduce(List.of("moments", "loss"))
                .window(16)
                .shardWindows(1)
                .build();
    }

    @Test
    void aKilledSweepGoesOn() throws Exception {
        killRepeatedly(2, new Random(8));
    }

    @Test
    @Tag("long")
    void aKilledSweepGoesOnHoweverOften() throws Exception {
        killRepeatedly(30, new Random(9));
    }

    private void killRepeatedly(int rounds, Random random) throws Exception {
        Path corpus = temp.resolve("corpus.txt");
        Files.writeString(corpus, "The cat sat on the mat, and the mat was sat on.\n\n".repeat(40 * rounds));
        Path folder = temp.resolve("killed");
        int before = 0;
        for (int round = 0; round < rounds; round++) {
            Process process = JavaProcess.start(SweepWriter.class, temp.resolve("child"), corpus, folder);
            while (process.isAlive() && parts(folder) < before + 3) TimeUnit.MILLISECONDS.sleep(1);
            TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
            process.toHandle().destroyForcibly();
            process.waitFor();
            assertThat(parts(folder)).isGreaterThan(before);
            before = parts(folder);
        }
        try (Inspector inspector = TextModel.open(temp.resolve("here"), 1 << 28)) {
            Sweeps.Done rest = sweep(inspector, corpus, folder);
            int all = rest.manifest().parts().size();
            assertThat(rest.computed()).isEqualTo(all - before).isLessThan(all);
            Sweeps.Done whole = sweep(inspector, corpus, temp.resolve("whole"));
            assertThat(whole.computed()).isEqualTo(all);
            for (Map.Entry<String, Path> file : whole.files().entrySet()) {
                assertThat(rest.files().get(file.getKey())).hasSameBinaryContentAs(file.getValue());
            }
        }
    }

    private static Sweeps.Done sweep(Inspector inspector, Path corpus, Path folder) {
        return inspector.sweeps().run(request(corpus), folder, Sweeps.Share.ALL, Sweeps.MOST_BYTES, SweepListener.NONE);
    }

    private static int parts(Path folder) throws IOException {
        if (!Files.isDirectory(folder.resolve("parts"))) return 0;
        try (Stream<Path> files = Files.list(folder.resolve("parts"))) {
            return (int)
                    files.filter(f -> f.toString().endsWith(".safetensors")).count();
        }
    }
}
