package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ReadsTest {

    @TempDir
    Path temp;

    @Test
    void aFileUpToItsLimitIsRead() throws IOException {
        Path file = Files.writeString(temp.resolve("a"), "four");
        assertThat(Reads.text(file, 4)).isEqualTo("four");
        assertThat(Reads.argumentText(file, 4)).isEqualTo("four");
        for (Runnable read : new Runnable[] {() -> Reads.bytes(file, 3), () -> Reads.argument(file, 3)}) {
            assertThatThrownBy(read::run).isInstanceOfSatisfying(Problem.class, p -> {
                assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID);
                assertThat(p.where()).isEqualTo(file.toString());
                assertThat(p.expected()).isEqualTo("at most 3 bytes");
            });
        }
    }

    /** 64 GiB that take no space on the disk: read whole they would end any program. */
    @Test
    void aHugeFileIsRefusedUnread() throws IOException {
        Path file = temp.resolve("huge");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(64L << 30);
        }
        assertThatThrownBy(() -> Json.readObject(file)).hasMessageContaining("too large");
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no FIFOs in its file system")
    void whatIsNoRegularFileIsNotOpened() throws Exception {
        Path fifo = temp.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        Path link = Files.createSymbolicLink(temp.resolve("link"), fifo);
        for (Path file : new Path[] {fifo, link, temp, Path.of("/dev/zero")}) {
            assertThatThrownBy(() -> Reads.bytes(file, 1)).as(file.toString()).hasMessageContaining("not a file");
            assertThatThrownBy(() -> Reads.stream(file)).isInstanceOf(Problem.class);
            assertThatThrownBy(() -> Reads.channel(file)).isInstanceOf(Problem.class);
        }
    }

    /** A file of /proc has no length before it is read. */
    @Test
    void aFileThatGrowsIsReadToItsLimit() {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) return;
        assertThat(Reads.lines(status, Reads.SMALL)).anyMatch(l -> l.startsWith("Pid:"));
        assertThatThrownBy(() -> Reads.lines(status, 10)).hasMessageContaining("too large");
    }

    @Test
    void whatIsMissingOrNoTextIsSaid() throws IOException {
        assertThatThrownBy(() -> Reads.bytes(temp.resolve("none"), 1))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND));
        Path file = Files.write(temp.resolve("latin"), new byte[] {'a', (byte) 0xE9});
        assertThatThrownBy(() -> Reads.text(file, 10)).hasMessageContaining("cannot be read");
    }
}
