package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FileBytesTest {

    private static final int SIZE = 100_000;
    private static final int FROM = 5_000; // no page begins here

    @TempDir
    Path temp;

    /** A file system without leases, or another user's file. */
    @Test
    void aSmallFileWithoutALeaseIsCopied() throws IOException {
        Path file = file();
        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes bytes = FileBytes.open(file, channel, null);
            Bytes part = bytes.at(channel, FROM, SIZE - FROM);
            Files.write(file, new byte[0]);
            assertThat(part.isMapped()).isFalse();
            assertThat(part.get(SIZE - FROM - 1)).isEqualTo((byte) 7);
            assertThat(bytes.lost() || bytes.exposed()).isFalse();
            assertThat(bytes.copied()).isEqualTo(SIZE);
        }
    }

    /** A file above {@link FileBytes#COPIED} bytes is mapped without a lease, and {@link FileBytes#exposed} says so. */
    @Test
    void aLargeFileWithoutALeaseIsMappedAndExposed() throws IOException {
        Path file = file();
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.SPARSE)) {
            channel.write(ByteBuffer.wrap(new byte[] {9}), FileBytes.COPIED);
            FileBytes bytes = FileBytes.open(file, channel, null);
            Bytes part = bytes.at(channel, FileBytes.COPIED - 1, 2);
            assertThat(part.isMapped()).isTrue();
            assertThat(part.get(1)).isEqualTo((byte) 9);
            assertThat(bytes.exposed()).isTrue();
            assertThat(bytes.copied()).isZero();
        }
    }

    /** The writer is another process, as a lease is this process's. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aWriterWaitsUntilNoPageOfTheFileIsMapped() throws Exception {
        Path file = file();
        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes bytes = FileBytes.open(file, channel);
            assertThat(bytes.exposed()).isFalse();
            Bytes part = bytes.at(channel, FROM, SIZE - FROM);
            assertThat(part.get(0)).isEqualTo((byte) 7);
            Process copy = new ProcessBuilder("cp", "/dev/null", file.toString())
                    .inheritIO()
                    .start();
            assertThat(copy.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(copy.exitValue()).isZero();
            assertThat(Files.size(file)).isZero();
            assertThat(bytes.lost()).isTrue();
            for (int i = 0; i < part.size(); i++) assertThat(part.get(i)).isZero(); // and no SIGBUS
            assertThatThrownBy(() -> bytes.at(channel, 0, 1))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT));
        }
    }

    /** The lease is released when nothing reads the file any more: then no writer waits, and no handle is left. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void aClosedFileKeepsNoHandle() throws Exception {
        Path file = file();
        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes.open(file, channel).close();
        }
        while (handles(file) > 0) Thread.sleep(20);
        try (FileChannel channel = FileChannel.open(file)) {
            FileBytes.open(file, channel); // nothing refers to it
        }
        while (handles(file) > 0) {
            System.gc();
            Thread.sleep(20);
        }
    }

    private static long handles(Path file) throws IOException {
        try (var all = Files.list(Path.of("/proc/self/fd"))) {
            return all.filter(f -> {
                        try {
                            return Files.readSymbolicLink(f).equals(file.toRealPath());
                        } catch (IOException e) {
                            return false;
                        }
                    })
                    .count();
        }
    }

    private Path file() throws IOException {
        byte[] sevens = new byte[SIZE];
        Arrays.fill(sevens, (byte) 7);
        return Files.write(temp.resolve("weights"), sevens, StandardOpenOption.CREATE);
    }
}
