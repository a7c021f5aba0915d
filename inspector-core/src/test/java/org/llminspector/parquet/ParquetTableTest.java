package org.llminspector.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.Util;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Tables as they are written are read again; pyarrow reads them too (scripts/golden/parquet_in_arrow.py). */
class ParquetTableTest {

    @TempDir
    Path temp;

    private static Tensor longs(long... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long v : values) bytes.putLong(v);
        return Tensor.of(DType.I64, bytes.flip(), values.length);
    }

    private Path written(ParquetTable table) throws IOException {
        Path file = temp.resolve("x.parquet");
        try (OutputStream out = Files.newOutputStream(file)) {
            table.write(out);
        }
        return file;
    }

    private static FileMetaData footer(byte[] file) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int end = file.length - 8 - all.getInt(file.length - 8);
        return Util.readFileMetaData(new ByteArrayInputStream(file, end, file.length - 8 - end));
    }

    /** A column of floats: its page lies behind its header. */
    private static List<Float> floats(byte[] file, ColumnMetaData column) throws IOException {
        int from = (int) column.getData_page_offset();
        ByteArrayInputStream in = new ByteArrayInputStream(file, from, file.length - from);
        int size = Util.readPageHeader(in).getUncompressed_page_size();
        ByteBuffer page = ByteBuffer.wrap(in.readNBytes(size)).order(ByteOrder.LITTLE_ENDIAN);
        List<Float> values = new ArrayList<>();
        while (page.hasRemaining()) values.add(page.getFloat());
        return values;
    }

    @Test
    void columnsHaveTheTensorsValues() throws IOException {
        Tensor counts = Tensor.of(
                DType.I16,
                ByteBuffer.allocate(6)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putShort((short) 1)
                        .putShort((short) -2)
                        .putShort((short) 300)
                        .flip(),
                3);
        Path file = written(new ParquetTable()
                .add("window", longs(Long.MAX_VALUE, -1, 1L << 53 | 1))
                .add("count", counts)
                .add("value", Tensor.of(new float[] {1, 2, 3, 4, 5, Float.NaN}, 3, 2)));
        byte[] bytes = Files.readAllBytes(file);
        FileMetaData meta = footer(bytes);
        assertThat(meta.getNum_rows()).isEqualTo(3);
        assertThat(Column.of(meta.getSchema()))
                .extracting(Column::toString)
                .containsExactly(
                        "\"window\" (int64)", "\"count\" (int32)", "\"value_0\" (float)", "\"value_1\" (float)");
        RowGroup group = meta.getRow_groups().get(0);
        assertThat(floats(bytes, group.getColumns().get(2).getMeta_data())).containsExactly(1f, 3f, 5f);
        assertThat(floats(bytes, group.getColumns().get(3).getMeta_data())).containsExactly(2f, 4f, Float.NaN);
        assertThat(column(file, meta, 0)).containsExactly("9223372036854775807", "-1", "9007199254740993");
        assertThat(column(file, meta, 1)).containsExactly("1", "-2", "300");
    }

    /** By the reader of texts, which reads whole numbers too. */
    private static List<String> column(Path file, FileMetaData meta, int leaf) throws IOException {
        Column column = Column.of(meta.getSchema()).get(leaf);
        List<String> all = new ArrayList<>();
        for (RowGroup group : meta.getRow_groups()) {
            try (ColumnValues values = new ColumnValues(
                    file, Files.size(file), column, group.getColumns().get(leaf), group.getNum_rows())) {
                for (long r = 0; r < group.getNum_rows(); r++) {
                    all.add(new String(values.next(), StandardCharsets.US_ASCII));
                }
            }
        }
        return all;
    }

    @Test
    void manyRowsAreSeveralGroups() throws IOException {
        int n = (1 << 20) + 3;
        Path file =
                written(new ParquetTable().add("n", longs(LongStream.range(0, n).toArray())));
        FileMetaData meta = footer(Files.readAllBytes(file));
        assertThat(meta.getRow_groups()).extracting(RowGroup::getNum_rows).containsExactly(1L << 20, 3L);
        List<String> all = column(file, meta, 0);
        assertThat(all).hasSize(n).endsWith("1048576", "1048577", "1048578");
        assertThat(all.get(77)).isEqualTo("77");
    }

    @Test
    void axesBehindTheFirstAreNumbered() throws IOException {
        Path file = written(new ParquetTable().add("x", Tensor.of(new float[8], 2, 2, 2)));
        assertThat(Column.of(footer(Files.readAllBytes(file)).getSchema()))
                .extracting(Column::name)
                .containsExactly("x_0_0", "x_0_1", "x_1_0", "x_1_1");
    }

    @Test
    void whatIsNoTableIsRefused() {
        ParquetTable table = new ParquetTable().add("a", longs(1, 2));
        assertThatThrownBy(() -> table.add("b", longs(1))).hasMessageContaining("2 rows, as a has them");
        assertThatThrownBy(() -> new ParquetTable().add("wide", Tensor.of(new float[20_002], 2, 10_001)))
                .hasMessageContaining("at most 10000");
    }
}
