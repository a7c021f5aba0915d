package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** RunStore within one process: keeping, listing, letting go, and living with damage. */
class RunStoreTest {

    private static final long PLENTY = 1L << 40;

    @TempDir
    Path tmp;

    private RunStore open() {
        return RunStore.open(dir(), PLENTY);
    }

    private Path dir() {
        return tmp.resolve("runs");
    }

    private static List<String> ids(RunStore store) {
        return store.list(1000, null).stream().map(RunSummary::id).toList();
    }

    private List<Path> index() throws IOException {
        try (Stream<Path> files = Files.list(dir())) {
            return files.filter(p -> p.getFileName().toString().startsWith(".index-"))
                    .toList();
        }
    }

    @Test
    void keepsARunWhole() {
        try (RunStore store = open()) {
            String id = store.newId();
            Capture capture = Runs.capture(1000);
            RunManifest manifest = Runs.manifest(id, capture);
            store.save(manifest, capture);

            assertThat(store.manifest(id)).isEqualTo(manifest);
            Tensor resid = store.capture(id, Runs.RESID);
            assertThat(resid.shape()).containsExactly(1, 998, 1);
            assertThat(resid.toFloats()).isEqualTo(capture.get(Runs.RESID).toFloats());
            assertThat(store.capture(id, Runs.LOGITS).get(0)).isEqualTo(Double.NEGATIVE_INFINITY);
            try (SafetensorsFile file = SafetensorsFile.open(store.captureFile(id))) {
                assertThat(file.tensors()).containsOnlyKeys("blocks.3.hook_resid_post", "logits");
                assertThat(file.metadata())
                        .containsEntry("run", id)
                        .containsEntry("model", "org--name")
                        .containsEntry("version", "0.1.0");
            }
            RunSummary summary = store.list(1, null).get(0);
            assertThat(summary)
                    .isEqualTo(new RunSummary(
                            id,
                            manifest.created(),
                            "a label",
                            "org--name",
                            "torch",
                            "fp32",
                            "cpu",
                            "Once → upon",
                            1,
                            1,
                            2,
                            summary.bytes(),
                            null));
            assertThat(summary.bytes()).isGreaterThan(4000);
        }
    }

    @Test
    void keepsARunWithoutCaptures() {
        try (RunStore store = open()) {
            String id = store.newId();
            Capture none = new Capture(Collections.emptySortedMap());
            store.save(Runs.manifest(id, none), none);
            assertThat(store.manifest(id).captures()).isEmpty();
            assertThat(store.captureFile(id)).exists();
            assertThatThrownBy(() -> store.capture(id, Runs.LOGITS)).hasMessageContaining("did not capture this hook");
        }
    }

    @Test
    void listsNewestFirstPageByPageAndAcrossReopening() {
        List<String> saved = new ArrayList<>();
        try (RunStore store = open()) {
            for (int i = 0; i < 7; i++) saved.add(Runs.save(store, 10));
        }
        Collections.reverse(saved);
        try (RunStore store = open()) {
            assertThat(ids(store)).isEqualTo(saved);
            assertThat(store.list(3, saved.get(1)).stream().map(RunSummary::id))
                    .containsExactlyElementsOf(saved.subList(2, 5));
            assertThat(store.list(3, saved.get(6))).isEmpty();
            assertThatThrownBy(() -> store.list(0, null)).isInstanceOf(Problem.class);
        }
    }

    @Test
    void idsRiseWithinAndAcrossStores() {
        try (RunStore a = open();
                RunStore b = open()) {
            String last = "";
            for (int i = 0; i < 2000; i++) {
                String id = a.newId();
                assertThat(RunIds.valid(id)).isTrue();
                assertThat(id).isGreaterThan(last);
                last = id;
            }
            Capture capture = Runs.capture(10);
            a.save(Runs.manifest(last, capture), capture);
            assertThat(b.newId()).as("the other store's clock is behind").isGreaterThan(last);
        }
    }

    @Test
    void aRunFromTheFarFutureDoesNotMoveTheClock() {
        try (RunStore store = open()) {
            for (String id : List.of("99991231-235959-999-ffffff", "99999999-999999-999-ffffff")) {
                Capture capture = Runs.capture(10);
                store.save(Runs.manifest(id, capture), capture);
            }
            assertThat(store.newId()).startsWith("20");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "../x",
                "/etc",
                "20261125-003512-417-a1b2c3/",
                "20261125-003512-417-a1b2c3/..",
                "20261125-003512-417-A1B2C3",
                "20261125-003512-417-a1b2c",
                "20261125-003512-417-a1b2c3\n",
                "20261125-003512-417-a1b2c3\0",
                " 20261125-003512-417-a1b2c3",
                "२०२६११२५-003512-417-a1b2c3",
                ".tmp-1-00000000-1-20261125-003512-417-a1b2c3"
            })
    void whatIsNoIdIsRefusedEverywhere(String id) {
        try (RunStore store = open()) {
            Capture capture = Runs.capture(10);
            List<Runnable> doors = List.of(
                    () -> store.manifest(id),
                    () -> store.capture(id, Runs.LOGITS),
                    () -> store.captureFile(id),
                    () -> store.delete(id),
                    () -> store.list(1, id),
                    () -> store.save(Runs.manifest(id, capture), capture));
            for (Runnable door : doors) {
                Problem p = catchThrowableOfType(Problem.class, door::run);
                assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID);
                assertThat(p.getMessage()).doesNotContain("\n");
            }
            assertThat(ids(store)).isEmpty();
        }
    }

    @Test
    void aRunThatIsNotThere() {
        try (RunStore store = open()) {
            String id = store.newId();
            List<Runnable> doors = List.of(
                    () -> store.manifest(id),
                    () -> store.capture(id, Runs.LOGITS),
                    () -> store.captureFile(id),
                    () -> store.delete(id));
            for (Runnable door : doors) {
                assertThat(catchThrowableOfType(Problem.class, door::run).kind())
                        .isEqualTo(Problem.Kind.NOT_FOUND);
            }
        }
    }

    @Test
    void aRunIsWrittenOnce() {
        try (RunStore store = open()) {
            String id = Runs.save(store, 10);
            Capture other = Runs.capture(20);
            Problem p = catchThrowableOfType(Problem.class, () -> store.save(Runs.manifest(id, other), other));
            assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT);
            assertThat(store.capture(id, Runs.RESID).size()).isEqualTo(8);
            RunManifest names = Runs.manifest(store.newId(), other);
            assertThatThrownBy(() -> store.save(names, new Capture(Collections.emptySortedMap())))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void anInterruptedThreadStillKeepsItsRun() {
        try (RunStore store = open()) {
            Thread.currentThread().interrupt();
            String id = Runs.save(store, 10);
            assertThat(store.capture(id, Runs.RESID).size()).isEqualTo(8);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(ids(store)).containsExactly(id);
        }
    }

    @Test
    void deletingARunLeavesItsTensorsReadable() throws IOException {
        try (RunStore store = open()) {
            String id = Runs.save(store, 100);
            Tensor tensor = store.capture(id, Runs.RESID);
            store.delete(id);
            assertThat(tensor.get(97)).isEqualTo(48.5);
            assertThat(ids(store)).isEmpty();
            assertThat(dir().resolve(id)).doesNotExist();
            assertThat(catchThrowableOfType(Problem.class, () -> store.capture(id, Runs.RESID))
                            .kind())
                    .isEqualTo(Problem.Kind.NOT_FOUND);
            try (Stream<Path> left = Files.list(dir())) {
                assertThat(left.map(p -> p.getFileName().toString())).noneMatch(n -> n.startsWith(".trash"));
            }
        }
    }

    @Test
    void theOldestRunsGoWhenTheStoreIsFull() {
        try (RunStore store = RunStore.open(dir(), 100_000)) {
            List<String> saved = new ArrayList<>();
            for (int i = 0; i < 6; i++) saved.add(Runs.save(store, 7_000));
            List<String> kept = ids(store);
            assertThat(kept).containsExactly(saved.get(5), saved.get(4), saved.get(3));
            assertThat(store.list(10, null).stream()
                            .mapToLong(RunSummary::bytes)
                            .sum())
                    .isLessThanOrEqualTo(100_000);

            String large = Runs.save(store, 100_000);
            assertThat(ids(store)).as("larger than the store, and kept").containsExactly(large);
        }
    }

    @Test
    void retentionSparesTheNewestWhenAnOlderIdIsSavedLast() {
        try (RunStore store = RunStore.open(dir(), 10_000)) {
            String early = store.newId();
            String late = Runs.save(store, 7_000);
            Capture capture = Runs.capture(7_000);
            store.save(Runs.manifest(early, capture), capture);
            assertThat(ids(store)).containsExactly(late, early);
        }
    }

    @Test
    void anIndexThatIsMissingDamagedOrOfAnotherSchemaIsRebuilt() throws IOException, SQLException {
        List<String> saved = new ArrayList<>();
        try (RunStore store = open()) {
            for (int i = 0; i < 3; i++) saved.add(0, Runs.save(store, 10));
        }
        for (Path file : index()) Files.delete(file);
        try (RunStore store = open()) {
            assertThat(ids(store)).isEqualTo(saved);
        }
        for (Path file : index()) Files.writeString(file, "this is not a database, whatever its name says");
        try (RunStore store = open()) {
            assertThat(ids(store)).isEqualTo(saved);
            saved.add(0, Runs.save(store, 10));
        }
        Path file = index().get(0);
        for (int offset : new int[] {0, 100, 4096 + 20}) {
            try (RandomAccessFile f = new RandomAccessFile(index().get(0).toFile(), "rw")) {
                f.seek(offset);
                f.write(new byte[200]);
            }
            try (RunStore store = open()) {
                assertThat(ids(store)).isEqualTo(saved);
            }
        }
        assertThat(file).as("an old generation is gone").doesNotExist();
        sql("PRAGMA user_version = 99");
        try (RunStore store = open()) {
            assertThat(ids(store)).isEqualTo(saved);
        }
        sql("DROP TABLE runs");
        try (RunStore store = open()) {
            assertThat(ids(store)).isEqualTo(saved);
        }
        Files.writeString(dir().resolve(".index-0-7.sqlite"), "of an older version");
        sql("DELETE FROM runs");
        try (RunStore store = open()) {
            assertThat(ids(store)).as("behind the folders").isEqualTo(saved);
        }
        assertThat(index()).hasSize(2);
    }

    private void sql(String statement) throws IOException, SQLException {
        Path file = index().stream()
                .filter(p -> p.toString().endsWith(".sqlite"))
                .max(Comparator.naturalOrder())
                .orElseThrow();
        try (var connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement s = connection.createStatement()) {
            s.execute(statement);
        }
    }

    @Test
    void anIndexThatIsLostWhileTheStoreIsOpenIsRebuilt() throws IOException, SQLException {
        try (RunStore store = open()) {
            String first = Runs.save(store, 10);
            for (Path file : index()) Files.delete(file);
            assertThat(ids(store)).containsExactly(first);
            String second = Runs.save(store, 10);
            sql("DROP TABLE runs");
            assertThat(ids(store)).containsExactly(second, first);
            String third = Runs.save(store, 10);
            assertThat(ids(store)).containsExactly(third, second, first);
        }
    }

    @Test
    void foldersThatComeAndGoByHandAreNoticed() throws IOException {
        try (RunStore store = open()) {
            String here = Runs.save(store, 10);
            String away = Runs.save(store, 10);
            Files.move(dir().resolve(away), tmp.resolve("away"));
            assertThat(ids(store)).containsExactly(here);
            Files.move(tmp.resolve("away"), dir().resolve(away));
            assertThat(ids(store)).containsExactly(away, here);
        }
    }

    @Test
    void damagedRunsAreLeftOutOfTheListAndExplainedWhenAskedFor() throws IOException {
        try (RunStore store = open()) {
            String good = Runs.save(store, 10);
            String badManifest = Runs.save(store, 10);
            String cut = Runs.save(store, 100);
            String other = Runs.save(store, 10);
            String half = Runs.save(store, 10);
            Files.writeString(dir().resolve(badManifest).resolve("manifest.json"), "{\"id\":");
            try (RandomAccessFile f =
                    new RandomAccessFile(store.captureFile(cut).toFile(), "rw")) {
                f.setLength(f.length() - 1);
            }
            Files.writeString(
                    dir().resolve(other).resolve("manifest.json"),
                    Files.readString(dir().resolve(good).resolve("manifest.json")) + " ");
            Files.delete(dir().resolve(half).resolve("captures.safetensors"));

            assertThat(ids(store)).containsExactly(good);
            assertThatThrownBy(() -> store.manifest(badManifest))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("the run is damaged")
                    .hasMessageContaining(badManifest);
            assertThatThrownBy(() -> store.capture(cut, Runs.RESID))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("the captures cannot be read");
            assertThatThrownBy(() -> store.captureFile(half)).isInstanceOf(Problem.class);
            assertThatThrownBy(() -> store.manifest(other))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("another run's");
            store.delete(badManifest);
            store.delete(cut);
        }
        try (RunStore store = open()) {
            assertThat(ids(store)).hasSize(1);
            try (Stream<Path> left = Files.list(dir())) {
                assertThat(left.filter(p -> RunIds.valid(p.getFileName().toString())))
                        .hasSize(3);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "null",
                "[]",
                "{\"unknown\":1}",
                "{\"id\":5}",
                "{\"captures\":[{\"hook\":\"blocks.0.nothing\"}]}"
            })
    void wrongManifestsNeverBreakTheStore(String json) throws IOException {
        try (RunStore store = open()) {
            String good = Runs.save(store, 10);
            String bad = Runs.save(store, 10);
            Files.writeString(dir().resolve(bad).resolve("manifest.json"), json);
            assertThat(ids(store)).containsExactly(good);
            assertThat(catchThrowableOfType(Problem.class, () -> store.manifest(bad))
                            .kind())
                    .isEqualTo(Problem.Kind.INTERNAL);
        }
    }

    @Test
    void leftoversOfTheDeadGoAndThoseOfTheLivingStay() throws IOException {
        try (RunStore alive = open()) {
            String token;
            try (Stream<Path> files = Files.list(dir())) {
                token = files.map(p -> WriterLock.FILE.matcher(p.getFileName().toString()))
                        .filter(m -> m.matches())
                        .map(m -> m.group(1))
                        .findFirst()
                        .orElseThrow();
            }
            Path living = partial(".tmp-" + token + "-1-20261125-003512-417-a1b2c3");
            Path dead = partial(".tmp-4194304-00000000-1-20261125-003512-417-a1b2c3");
            Path trash = partial(".trash-4194304-00000000-20261125-003512-417-a1b2c3");
            Path deadLock = Files.writeString(dir().resolve(".writer-4194304-00000000.lock"), "");
            Path note = Files.writeString(dir().resolve("README.txt"), "not ours");
            String id = Runs.save(alive, 10);
            try (RunStore second = open()) {
                assertThat(living).exists();
                assertThat(dead).doesNotExist();
                assertThat(trash).doesNotExist();
                assertThat(deadLock).doesNotExist();
                assertThat(note).exists();
                assertThat(ids(second)).containsExactly(id);
            }
            assertThat(ids(alive)).containsExactly(id);
        }
        open().close();
        try (Stream<Path> files = Files.list(dir())) {
            assertThat(files.map(p -> p.getFileName().toString()))
                    .noneMatch(n -> n.startsWith(".tmp-") || n.startsWith(".writer-"));
        }
    }

    private Path partial(String name) throws IOException {
        Path folder = Files.createDirectories(dir().resolve(name));
        Files.writeString(folder.resolve("captures.safetensors"), "half");
        return folder;
    }

    @Test
    void manyThreadsOfTwoStores() throws InterruptedException, ExecutionException {
        try (RunStore a = open();
                RunStore b = open()) {
            ExecutorService pool = Executors.newFixedThreadPool(8);
            List<Future<List<String>>> work = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                RunStore store = t % 2 == 0 ? a : b;
                work.add(pool.submit(() -> {
                    List<String> mine = new ArrayList<>();
                    for (int i = 0; i < 12; i++) {
                        String id = Runs.save(store, 50);
                        store.capture(id, Runs.RESID).toFloats();
                        store.list(5, null);
                        if (i % 4 == 3) store.delete(id);
                        else mine.add(id);
                    }
                    return mine;
                }));
            }
            Set<String> all = new HashSet<>();
            for (Future<List<String>> f : work) all.addAll(f.get());
            pool.shutdown();
            assertThat(all).hasSize(72);
            assertThat(ids(a)).containsExactlyInAnyOrderElementsOf(all);
            assertThat(ids(b)).containsExactlyInAnyOrderElementsOf(all);
            for (String id : all) assertThat(b.capture(id, Runs.RESID).size()).isEqualTo(48);
        }
    }

    @Test
    void aHookThatWasNotCaptured() {
        try (RunStore store = open()) {
            String id = Runs.save(store, 10);
            Problem p = catchThrowableOfType(Problem.class, () -> store.capture(id, HookId.of(HookPoint.PATTERN, 0)));
            assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
            assertThat(p.where()).contains("blocks.0.attn.hook_pattern");
        }
    }

    @Test
    void aFileInTheStoresPlaceIsAProblem() throws IOException {
        Files.writeString(dir(), "");
        assertThatThrownBy(this::open).isInstanceOf(Problem.class).hasMessageContaining(dir().toString());
    }
}
