package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Any part of memory of any length is read where it is, also across windows and past 2 GiB; conversions are exact. */
class BytesTest {

    @ParameterizedTest
    @CsvSource({"0", "1", "15", "31", "32", "33", "47", "48", "200"})
    void everyPartIsTheSameThroughWindows(int size) throws IOException {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        Bytes windowed = Bytes.stepped(
                size, 16, (from, n) -> ByteBuffer.wrap(bytes, (int) from, n).slice());
        for (int from = 0; from <= size; from++) {
            for (int n = 0; n <= Math.min(16, size - from); n++) {
                assertThat(windowed.view(from, n)).isEqualTo(ByteBuffer.wrap(bytes, from, n));
                assertThat(windowed.slice(from, size - from).view(0, n)).isEqualTo(ByteBuffer.wrap(bytes, from, n));
            }
        }
        for (int i = 0; i < size; i++) assertThat(windowed.get(i)).isEqualTo(bytes[i]);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Bytes.of(ByteBuffer.wrap(bytes)).writeTo(Channels.newChannel(out));
        assertThat(out.toByteArray()).isEqualTo(bytes);
        assertThatThrownBy(() -> windowed.view(0, size + 1L)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> windowed.slice(1, size)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aTensorOfMoreThanTwoGibIsReadWhereItLies(@TempDir Path dir) throws IOException {
        long rows = 300_000;
        long cols = 8_192;
        Path file = dir.resolve("sparse");
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.setLength(rows * cols * 2);
            for (long row : new long[] {0, 65_536, 131_072, rows - 1}) {
                out.seek((row * cols + row % cols) * 2 + 1);
                out.write(0x3F); // bfloat16 of 0.5, 0x3F00
            }
        }
        try (FileChannel channel = FileChannel.open(file)) {
            Tensor t = Tensor.of(DType.BF16, Bytes.mapped(channel, 0, rows * cols * 2), rows, cols);
            assertThat(t.byteSize()).isGreaterThan(Integer.MAX_VALUE);
            for (long row : new long[] {0, 65_536, 131_072, rows - 1}) {
                assertThat(t.get(row * cols + row % cols)).isEqualTo(0.5);
                float[] values = t.rows((int) row, (int) row + 1).toFloats();
                assertThat(values[(int) (row % cols)]).isEqualTo(0.5f);
                Tensor one = t.slice(new int[] {(int) row, (int) row + 1}, new int[] {0, (int) cols});
                assertThat(one.toFloats()).isEqualTo(values);
            }
            t.rows(0, 1000).release();
            assertThat(t.get(0)).isEqualTo(0.5);
            assertThatThrownBy(t::data).isInstanceOf(Problem.class).hasMessageContaining("2 GiB");
            assertThatThrownBy(t::toFloats).isInstanceOf(Problem.class).hasMessageContaining("rows");
        }
    }

    @Test
    void everyBfloat16BecomesWhatRoundingMakesOfIt() {
        ByteBuffer all = ByteBuffer.allocate(2 << 16).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 1 << 16; i++) all.putShort((short) i);
        Tensor t = Tensor.of(DType.BF16, all.flip(), 1 << 16);
        Bytes halves = Bytes.allocate(2 << 16);
        Bytes floats = Bytes.allocate(4 << 16);
        long first = Conversion.write(t, DType.F16, halves);
        // 65,536 is the smallest bfloat16 that does not fit; below it 65,280 does.
        assertThat(t.get(first)).isEqualTo(65_536);
        assertThat(Conversion.write(t, DType.F32, floats)).isEqualTo(-1);
        for (int i = 0; i < 1 << 16; i++) {
            float value = HalfFloats.fromBf16((short) i);
            assertThat(halves.getShort(2L * i)).isEqualTo(HalfFloats.toF16(value));
            assertThat(floats.getInt(4L * i)).isEqualTo(i << 16);
        }
        halves.free();
        floats.free();
    }
}
