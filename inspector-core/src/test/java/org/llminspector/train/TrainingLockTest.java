package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** One training at a time has a folder, of this process and of all others. */
class TrainingLockTest {

    @TempDir
    Path folder;

    /**
     * The other process of a test. With a folder alone it prints whether the folder's lock could be taken; with a number as well, how
     * many of that many tries took it.
     */
    public static void main(String[] folder) throws IOException {
        if (folder.length > 1) {
            System.out.print(takenOf(Path.of(folder[0]), Integer.parseInt(folder[1])));
            return;
        }
        try (TrainingLock lock = TrainingLock.take(Path.of(folder[0]))) {
            System.out.print("taken");
        } catch (Problem p) {
            System.out.print(p.kind());
        }
    }

    /**
     * Number of tries that took the lock. Each creates and deletes the file {@code alone}, which fails if another has
     * the lock too.
     */
    private static int takenOf(Path folder, int tries) throws IOException {
        int taken = 0;
        for (int i = 0; i < tries; i++) {
            try (TrainingLock lock = TrainingLock.take(folder)) {
                Files.delete(Files.createFile(folder.resolve("alone")));
                taken++;
            } catch (Problem p) {
                if (p.kind() != Problem.Kind.CONFLICT) throw p;
            }
        }
        return taken;
    }

    private static String elsewhere(Path folder) throws IOException {
        return said(begun(folder.toString()));
    }

    private static Process begun(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                TrainingLockTest.class.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String said(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void ofSeveralProcessesOneAtATimeHasIt() throws IOException {
        List<Process> others = List.of(begun(folder.toString(), "2000"), begun(folder.toString(), "2000"));
        int taken = takenOf(folder, 2000);
        for (Process other : others) taken += Integer.parseInt(said(other)); // none where it failed
        assertThat(taken).isGreaterThan(10); // how often depends on how the processes meet
        assertThat(folder).isEmptyDirectory();
    }

    private static Problem refused(Path folder) {
        return catchThrowableOfType(Problem.class, () -> TrainingLock.take(folder));
    }

    @Test
    void askingForALockThatIsHeldLeavesItHeld() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolveSibling(folder.getFileName() + "-link"), folder);
        try (TrainingLock held = TrainingLock.take(folder)) {
            assertThat(refused(folder).kind()).isEqualTo(Problem.Kind.CONFLICT);
            assertThat(refused(link).kind()).as("by another name").isEqualTo(Problem.Kind.CONFLICT);
            assertThat(elsewhere(folder)).isEqualTo("CONFLICT");
        } finally {
            Files.delete(link);
        }
        assertThat(elsewhere(folder)).isEqualTo("taken");
        TrainingLock.take(folder).close();
        assertThat(folder).isEmptyDirectory();
    }

    /** A folder that is deleted and recreated while locked is another folder. */
    @Test
    void aLockIsOfTheFolderThatIsThere() throws IOException {
        try (TrainingLock old = TrainingLock.take(folder)) {
            Files.delete(folder.resolve(".training.lock"));
            try (TrainingLock made = TrainingLock.take(folder)) {
                assertThat(elsewhere(folder)).isEqualTo("CONFLICT");
            }
            assertThat(elsewhere(folder))
                    .as("the first is of a file that is gone")
                    .isEqualTo("taken");
        }
    }

    @Test
    void theCurveIsReplacedAndNeverCutShort() throws IOException {
        LossCurve curve = LossCurve.open(folder, 0);
        for (int step = 1; step <= 3; step++) curve.add(new LossCurve.Row(step, step, 0.1, 1.0, null, 1.0, null, null));
        Path file = folder.resolve(LossCurve.FILE);
        Path before = Files.createLink(folder.resolve("before"), file);
        String all = Files.readString(file);
        LossCurve.open(folder, 2);
        assertThat(Files.readString(before)).as("what a reader has open").isEqualTo(all);
        assertThat(LossCurve.read(folder)).extracting(LossCurve.Row::step).containsExactly(1L, 2L);
        Path other = Files.createDirectory(folder.resolve("other"));
        Files.writeString(other.resolve(LossCurve.FILE), all);
        Path kept = Files.createLink(other.resolve("before"), other.resolve(LossCurve.FILE));
        LossCurve.copy(folder, other, 1);
        assertThat(Files.readString(kept)).isEqualTo(all);
        assertThat(LossCurve.read(other)).hasSize(1);
    }
}
