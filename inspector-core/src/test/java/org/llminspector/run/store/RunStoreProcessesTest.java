package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** RunStore among processes: killed at any moment it loses nothing that it reported as kept, and two can share it. */
class RunStoreProcessesTest {

    private static final long PLENTY = 1L << 40;

    @TempDir
    Path dir;

    private List<String> command(int runs, int floats, long maxBytes) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                RunSaver.class.getName(),
                dir.toString(),
                Integer.toString(runs),
                Integer.toString(floats),
                Long.toString(maxBytes));
    }

    private Process saver(int runs, int floats, long maxBytes, String... extended) throws IOException {
        List<String> command = new ArrayList<>(command(runs, floats, maxBytes));
        command.addAll(List.of(extended));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    @Test
    void aKilledProcessLosesNoFinishedRun() throws Exception {
        killRepeatedly(5, new Random(3));
    }

    @Test
    @Tag("long")
    void aKilledProcessLosesNoFinishedRunHoweverOften() throws Exception {
        assertThat(killRepeatedly(100, new Random(4)))
                .as("kills that hit a run half written")
                .isPositive();
    }

    @Test
    void aKilledProcessLeavesARunAsItWasOrExtended() throws Exception {
        Random random = new Random(5);
        String id;
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            id = Runs.save(store, 100);
        }
        int said = 0;
        for (int round = 0; round < 5; round++) {
            Process process = saver(1_000_000, 50_000, PLENTY, id);
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (int n = 1 + random.nextInt(8); n > 0; n--) said = Integer.parseInt(out.readLine());
                TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
                process.toHandle().destroyForcibly();
                process.waitFor();
            }
            try (RunStore store = RunStore.open(dir, PLENTY)) {
                RunManifest run = store.manifest(id);
                assertThat(run.recaptures()).hasSizeGreaterThanOrEqualTo(said);
                assertThat(run.captures()).hasSize(2 + run.recaptures().size());
                for (RunManifest.Recapture e : run.recaptures()) {
                    assertThat(store.capture(id, e.hooks().get(0)).get(49_997)).isEqualTo(49_997 * 0.5);
                }
                assertThat(store.list(10, null))
                        .extracting(RunSummary::captures)
                        .containsExactly(run.captures().size());
                try (Stream<Path> names = Files.list(dir)) {
                    assertThat(names.map(p -> p.getFileName().toString())).noneMatch(n -> n.startsWith(".tmp-"));
                }
            }
        }
    }

    @Test
    void twoProcessesExtendOneRun() throws Exception {
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            String id = Runs.save(store, 100);
            Process process = saver(20, 500, PLENTY, id);
            for (int i = 0; i < 20; i++) Runs.extend(store, id, 500);
            assertThat(process.waitFor()).isZero();
            assertThat(store.manifest(id).recaptures())
                    .extracting(RunManifest.Recapture::number)
                    .containsExactlyElementsOf(java.util.stream.IntStream.rangeClosed(1, 40)
                            .boxed()
                            .toList());
        }
    }

    /** Returns how many kills left a half-written run behind. */
    private int killRepeatedly(int rounds, Random random) throws Exception {
        List<String> saved = new ArrayList<>();
        int hits = 0;
        for (int round = 0; round < rounds; round++) {
            Process process = saver(1_000_000, 50_000, PLENTY);
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (int n = 1 + random.nextInt(20); n > 0; n--) saved.add(out.readLine());
                TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
                process.toHandle().destroyForcibly(); // kill -9; leaves the pipe to be read to its end
                for (String id = out.readLine(); id != null; id = out.readLine()) {
                    if (RunIds.valid(id)) saved.add(id); // The last line may be cut.
                }
            }
            process.waitFor();
            try (Stream<Path> names = Files.list(dir)) {
                if (names.anyMatch(p -> p.getFileName().toString().startsWith(".tmp-"))) hits++;
            }
            check(saved);
        }
        return hits;
    }

    /** Every run that was reported is whole and listed; one more may be, finished but not reported. */
    private void check(List<String> saved) throws IOException {
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            List<String> listed =
                    store.list(100_000, null).stream().map(RunSummary::id).toList();
            assertThat(listed).containsAll(saved).isSortedAccordingTo(Collections.reverseOrder());
            for (String id : listed) {
                assertThat(store.manifest(id).id()).isEqualTo(id);
                assertThat(store.capture(id, Runs.RESID).get(49_997)).isEqualTo(49_997 * 0.5);
            }
            saved.clear();
            saved.addAll(listed);
            try (Stream<Path> names = Files.list(dir)) {
                assertThat(names.map(p -> p.getFileName().toString()).filter(RunIds::valid))
                        .containsExactlyInAnyOrderElementsOf(listed);
            }
            try (Stream<Path> names = Files.list(dir)) {
                assertThat(names.map(p -> p.getFileName().toString()))
                        .noneMatch(n -> n.startsWith(".tmp-") || n.startsWith(".trash-"));
            }
        }
    }

    @Test
    void twoProcessesShareAStoreAndSeeEachOthersRuns() throws Exception {
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            Process process = saver(40, 500, PLENTY);
            List<String> all = new ArrayList<>();
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (String id = out.readLine(); id != null; id = out.readLine()) {
                    all.add(id);
                    all.add(Runs.save(store, 500));
                    assertThat(store.list(100, null)).extracting(RunSummary::id).containsAll(all);
                    assertThat(store.capture(id, Runs.RESID).size()).isEqualTo(498);
                }
            }
            assertThat(process.waitFor()).isZero();
            assertThat(all).hasSize(80).doesNotHaveDuplicates();
        }
    }

    @Test
    void twoProcessesThatBothLetGoOfOldRunsKeepTheNewest() throws Exception {
        long room = 60_000;
        try (RunStore store = RunStore.open(dir, room)) {
            Process process = saver(40, 2_500, room);
            String last = null;
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (String id = out.readLine(); id != null; id = out.readLine()) last = Runs.save(store, 2_500);
            }
            assertThat(process.waitFor()).isZero();
            List<RunSummary> left = store.list(100, null);
            assertThat(left).extracting(RunSummary::id).contains(last);
            assertThat(left.stream().mapToLong(RunSummary::bytes).sum()).isLessThanOrEqualTo(room);
            assertThat(left.size()).isGreaterThanOrEqualTo(3);
        }
    }

    /** A limit on the size of its files is to the process what a full disk is, and needs neither root nor a mount. */
    @Test
    void aRunThatFindsNoRoomIsSaidAndLeavesNothing() throws Exception {
        String kept;
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            kept = Runs.save(store, 500);
        }
        List<String> limited = new ArrayList<>(List.of("sh", "-c", "ulimit -f 8192; exec \"$@\"", "limited"));
        limited.addAll(command(1, 4_000_000, PLENTY));
        Process process = new ProcessBuilder(limited).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isEqualTo(Problem.Kind.STORAGE.exitCode());
        assertThat(said).contains("the store of runs cannot be used");
        try (RunStore store = RunStore.open(dir, PLENTY)) {
            assertThat(store.list(10, null)).extracting(RunSummary::id).containsExactly(kept);
            try (Stream<Path> names = Files.list(dir)) {
                assertThat(names.map(n -> n.getFileName().toString())).noneMatch(n -> n.startsWith(".tmp-"));
            }
            Runs.save(store, 500);
            assertThat(store.list(10, null)).hasSize(2);
        }
    }
}
