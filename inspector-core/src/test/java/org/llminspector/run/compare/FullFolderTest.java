package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A folder of runs on a full disk, and on one that may only be read: a file system of 2 MiB in a namespace of its own. */
class FullFolderTest {

    private static final List<List<String>> NAMESPACES = List.of(List.of("unshare", "-rm"), List.of("unshare", "-m"));
    private static final String MOUNT = "mount -t tmpfs -o size=2m none \"$0\"";

    @TempDir
    Path folder;

    private String said;

    @Test
    void whatIsFinishedIsKeptWholeAndTheRestIsAProblem() throws Exception {
        List<String> namespace =
                NAMESPACES.stream().filter(n -> run(n, MOUNT) == 0).findFirst().orElse(null);
        assumeTrue(namespace != null, "this system lets nobody mount a file system of his own");
        int code = run(
                namespace,
                MOUNT + " && exec \"$@\"",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("java.class.path"),
                FullFolder.class.getName(),
                folder.toString());
        assertThat(code).as(said).isZero();
        assertThat(said).contains("all is kept: ");
    }

    private int run(List<String> namespace, String script, String... arguments) {
        List<String> command = new ArrayList<>(namespace);
        command.addAll(List.of("sh", "-c", script, folder.toString()));
        command.addAll(List.of(arguments));
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.waitFor();
        } catch (IOException e) {
            said = e.getMessage();
            return -1; // there is no such program
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
