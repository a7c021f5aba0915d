package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Who has a locked file, among threads and processes. TrainingLockTest has processes that take it in turns. */
@Timeout(60)
class LockedFileTest {

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void name() {
        file = folder.resolve("a.lock");
    }

    /** The other process: prints whether it has the lock now, and keeps it until its input ends. */
    public static void main(String[] file) throws IOException {
        try (LockedFile lock = LockedFile.tryTake(Path.of(file[0]))) {
            System.out.println(lock != null);
            while (System.in.read() >= 0) {}
        }
    }

    private static Process process(Path file) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        LockedFileTest.class.getName(),
                        file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static boolean hasIt(Process process) throws IOException {
        BufferedReader said =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        return Boolean.parseBoolean(said.readLine());
    }

    private static boolean anotherProcessHas(Path file) throws IOException {
        Process process = process(file);
        process.getOutputStream().close();
        boolean hadIt = hasIt(process);
        process.onExit().join();
        return hadIt;
    }

    @Test
    void itIsRefusedToAllUntilItIsClosed() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder).resolve("a.lock");
        try (LockedFile lock = LockedFile.tryTake(file)) {
            assertThat(lock).isNotNull();
            assertThat(LockedFile.tryTake(file)).as("the same thread").isNull();
            assertThat(LockedFile.tryTake(link)).as("by another name").isNull();
            assertThat(CompletableFuture.supplyAsync(this::taken).join())
                    .as("another thread")
                    .isFalse();
            assertThat(anotherProcessHas(file))
                    .as("after it was asked for here")
                    .isFalse();
        }
        assertThat(anotherProcessHas(file)).isTrue();
        assertThat(taken()).isTrue();
    }

    private boolean taken() {
        try (LockedFile lock = LockedFile.tryTake(file)) {
            return lock != null;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void ofManyThreadsOneAtATimeHasIt() {
        int[] work = new int[1]; // neither volatile nor atomic: the lock alone orders the threads
        List<CompletableFuture<Integer>> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(CompletableFuture.supplyAsync(() -> {
                int done = 0;
                while (done < 100) {
                    try (LockedFile lock = LockedFile.tryTake(file)) {
                        if (lock == null) continue;
                        work[0]++;
                        done++;
                        if (done % 2 == 0) lock.delete(); // as a training does when it ends
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                }
                return done;
            }));
        }
        int done = threads.stream().mapToInt(CompletableFuture::join).sum();
        assertThat(work[0]).isEqualTo(done);
    }

    @Test
    void aKilledProcessLosesIt() throws IOException, InterruptedException {
        Process process = process(file);
        assertThat(hasIt(process)).isTrue();
        assertThat(taken()).isFalse();
        process.destroyForcibly().waitFor();
        assertThat(taken()).isTrue();
    }

    @Test
    void anInterruptedThreadTakesItAndStaysInterrupted() throws IOException {
        Thread.currentThread().interrupt();
        try (LockedFile lock = LockedFile.tryTake(file)) {
            assertThat(Thread.interrupted()).isTrue();
            assertThat(lock).isNotNull();
            assertThat(anotherProcessHas(file)).isFalse();
        }
    }

    @Test
    void aNewFileAtItsPathIsAnotherLock() throws IOException {
        try (LockedFile old = LockedFile.tryTake(file)) {
            Files.delete(file);
            try (LockedFile made = LockedFile.tryTake(file)) {
                assertThat(made).isNotNull();
                old.delete();
                assertThat(file).as("it is not the old lock's to delete").exists();
                old.close();
                assertThat(taken()).isFalse();
                made.delete();
            }
        }
        assertThat(file).doesNotExist();
    }

    /** An inode's number, which is the key, is used again at once. */
    @Test
    void closingTwiceLeavesAnothersLock() throws IOException {
        for (int i = 0; i < 20; i++) {
            LockedFile old = LockedFile.tryTake(file);
            old.delete();
            old.close();
            try (LockedFile made = LockedFile.tryTake(file)) {
                old.delete();
                old.close();
                assertThat(file).exists();
                assertThat(made).isNotNull();
                assertThat(taken()).isFalse();
            }
        }
    }

    @Test
    void onlyARegularFileIsLockedAndOtherwiseNothingIsChanged() throws IOException {
        Path other = Files.writeString(folder.resolve("other"), "a person's");
        Files.createSymbolicLink(file, other);
        assertThatThrownBy(() -> LockedFile.tryTake(file)).isInstanceOf(FileSystemException.class);
        assertThat(other).hasContent("a person's");
        assertThatThrownBy(() -> LockedFile.tryTake(folder)).isInstanceOf(FileSystemException.class);
        assertThatThrownBy(() -> LockedFile.tryTake(folder.resolve("absent/a.lock")))
                .isInstanceOf(FileSystemException.class);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no FIFOs in its file system")
    void aPipeIsNotWaitedFor() throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                .isZero();
        assertThatThrownBy(() -> LockedFile.tryTake(file)).hasMessageContaining("not a regular file");
    }

    @Test
    void itsNoteIsRead() throws IOException {
        Files.writeString(file, "what a dead process wrote");
        try (LockedFile lock = LockedFile.tryTake(file)) {
            lock.write("process 7\n");
            assertThat(file).hasContent("process 7\n");
        }
    }
}
