package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.JavaProcess;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;

/** A comparing process is killed at any moment: nothing that it reported as kept is lost, nothing partial is shown. */
class ComparisonProcessesTest {

    @TempDir
    Path runs;

    @Test
    void aKilledProcessLosesNoFinishedComparison() throws Exception {
        killRepeatedly(2, new Random(8));
    }

    @Test
    @Tag("long")
    void aKilledProcessLosesNoFinishedComparisonHoweverOften() throws Exception {
        killRepeatedly(50, new Random(9));
    }

    private void killRepeatedly(int rounds, Random random) throws Exception {
        List<String> said = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            Process process = JavaProcess.start(ComparisonWriter.class, runs);
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (int n = 1 + random.nextInt(8); n > 0; n--) said.add(out.readLine());
                TimeUnit.MICROSECONDS.sleep(random.nextInt(60_000));
                process.toHandle().destroyForcibly();
                for (String id = out.readLine(); id != null; id = out.readLine()) {
                    if (id.length() == said.get(0).length()) said.add(id); // the last line may be cut
                }
            }
            process.waitFor();
            try (Inspector inspector = ComparisonWriter.open(runs)) {
                List<Comparisons.Summary> all = inspector.comparisons().list(10_000, null);
                assertThat(all).extracting(Comparisons.Summary::id).containsAll(said);
                for (Comparisons.Summary s : all) {
                    assertThat(inspector
                                    .comparisons()
                                    .divergence(s.id(), HookPoint.RESID_POST, "relative_l2")
                                    .shape())
                            .containsExactly(4, 3);
                    assertThat(inspector.comparisons().tokens(s.id(), Comparisons.Part.TEXT, 0, 10))
                            .hasSize(3); // each but the last is followed by one
                }
                try (Stream<Path> names = Files.list(runs.resolve("comparisons"))) {
                    assertThat(names.map(p -> p.getFileName().toString()))
                            .noneMatch(n -> n.startsWith(".tmp-") || n.startsWith(".trash-"));
                }
            }
        }
    }
}
