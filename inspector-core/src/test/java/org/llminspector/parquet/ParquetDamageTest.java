package org.llminspector.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.apache.parquet.format.AesGcmV1;
import org.apache.parquet.format.ColumnCryptoMetaData;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.CompressionCodec;
import org.apache.parquet.format.EncryptionAlgorithm;
import org.apache.parquet.format.EncryptionWithFooterKey;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.Type;
import org.apache.parquet.format.Util;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;

/** Damaged and hostile files: each is read or refused with a Problem that names the file, never anything else. */
class ParquetDamageTest {

    private static final Path FOLDER = Path.of("src/test/resources/golden/parquet");

    @TempDir
    Path temp;

    private Throwable reading(byte[] bytes) throws IOException {
        Path file = Files.write(temp.resolve("x.parquet"), bytes);
        return catchThrowable(() -> ParquetGoldenTest.rows(file, "text", "id"));
    }

    private void isReadOrRefused(String as, byte[] bytes) throws IOException {
        Throwable thrown = reading(bytes);
        if (thrown == null) return;
        assertThat(thrown).as(as).isInstanceOf(Problem.class);
        assertThat(thrown.getMessage()).as(as).contains("x.parquet");
    }

    private static byte[] golden(String name) throws IOException {
        return Files.readAllBytes(FOLDER.resolve(name + ".parquet"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny", "tiny-plain"})
    void everyByteMayBeAnother(String name) throws IOException {
        byte[] whole = golden(name);
        for (int at = 0; at < whole.length; at++) {
            for (int other : new int[] {0x1C, 0xFF, whole[at] ^ 0x10}) {
                byte[] bytes = whole.clone();
                bytes[at] = (byte) other;
                isReadOrRefused("byte " + at + " is " + other, bytes);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tiny", "tiny-plain"})
    void itMayEndAnywhere(String name) throws IOException {
        byte[] whole = golden(name);
        for (int size = 0; size < whole.length; size++) {
            assertThat(reading(Arrays.copyOf(whole, size))).as("%d bytes", size).isInstanceOf(Problem.class);
        }
    }

    /** The last eight bytes are the footer's length and the mark. */
    private static byte[] withFooter(byte[] body, byte[] footer) {
        return ByteBuffer.allocate(body.length + footer.length + 8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(body)
                .put(footer)
                .putInt(footer.length)
                .put("PAR1".getBytes(StandardCharsets.US_ASCII))
                .array();
    }

    private static byte[] changed(String name, Consumer<FileMetaData> change) throws IOException {
        byte[] whole = golden(name);
        int length = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(whole.length - 8);
        int end = whole.length - 8 - length;
        FileMetaData meta =
                Util.readFileMetaData(new ByteArrayInputStream(Arrays.copyOfRange(whole, end, whole.length - 8)));
        change.accept(meta);
        ByteArrayOutputStream footer = new ByteArrayOutputStream();
        Util.writeFileMetaData(meta, footer);
        return withFooter(Arrays.copyOf(whole, end), footer.toByteArray());
    }

    /** The column with the texts is the third leaf, behind the two of a column of columns. */
    private byte[] column(Consumer<ColumnMetaData> change) throws IOException {
        return changed(
                "tiny",
                m -> change.accept(m.getRow_groups().get(0).getColumns().get(2).getMeta_data()));
    }

    private void refused(byte[] bytes, String... parts) throws IOException {
        assertThat(reading(bytes)).isInstanceOf(Problem.class).hasMessageContainingAll(parts);
    }

    @Test
    void theFootersLengthAndMarkAreChecked() throws IOException {
        byte[] whole = golden("tiny");
        for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, whole.length - 11, whole.length}) {
            byte[] bytes = whole.clone();
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes.length - 8, length);
            refused(bytes, "x.parquet", "the footer has an impossible length", String.valueOf(length));
        }
        byte[] mark = whole.clone();
        mark[mark.length - 1] = '2';
        refused(mark, "x.parquet", "PAR1", "PAR2");
        refused("PAR1".getBytes(StandardCharsets.US_ASCII), "no Parquet", "at least 12 bytes");
        mark[mark.length - 1] = 'E';
        refused(mark, "encrypted");
    }

    @Test
    void aFooterOfGarbageFillsNoMemory() throws IOException {
        byte[] mark = "PAR1".getBytes(StandardCharsets.US_ASCII);
        byte[] deep = new byte[1 << 20];
        Arrays.fill(deep, (byte) 0x1C); // a structure within a structure ...
        refused(withFooter(mark, deep), "x.parquet", "the footer cannot be read");
        // Field 2, the schema: a list of 2,147,483,647 structures.
        byte[] list = {0x29, (byte) 0xFC, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x07};
        refused(withFooter(mark, list), "the footer cannot be read");
        // The same within its limit on lists, of empty structures.
        byte[] many = new byte[4 << 20];
        many[0] = 0x29;
        many[1] = (byte) 0xFC;
        many[2] = (byte) 0x80;
        many[3] = (byte) 0x80;
        many[4] = 0x40;
        refused(withFooter(mark, many), "the footer cannot be read");
    }

    @Test
    void aColumnsMetadataIsChecked() throws IOException {
        refused(column(c -> c.setTotal_compressed_size(-1)), "column \"text\", row group 0", "outside the file");
        refused(column(c -> c.setTotal_compressed_size(Long.MAX_VALUE)), "outside the file");
        refused(column(c -> c.setData_page_offset(Long.MAX_VALUE).unsetDictionary_page_offset()), "outside the file");
        refused(column(c -> c.setData_page_offset(-5)), "outside the file");
        refused(column(c -> c.setNum_values(7)), "6 values", "7");
        refused(column(c -> c.setType(Type.DOUBLE)), "another type", "DOUBLE");
        refused(column(c -> c.setCodec(CompressionCodec.LZ4)), "compression", "LZ4");
        refused(column(c -> c.setCodec(CompressionCodec.ZSTD)), "decompressed", "ZSTD");
        refused(
                changed(
                        "tiny",
                        m -> m.getRow_groups().get(0).getColumns().subList(2, 4).clear()),
                "lacks the column");
        refused(
                changed(
                        "tiny",
                        m -> m.getRow_groups().get(0).getColumns().get(2).setFile_path("/etc/passwd")),
                "file");
        refused(changed("tiny", m -> m.getSchema().get(1).setNum_children(99)), "the schema ends early");
        refused(changed("tiny", m -> m.getSchema().get(1).setNum_children(-1)), "the schema", "-1");
        // More rows than there are pages.
        refused(
                changed("tiny", m -> {
                    m.getRow_groups().get(0).setNum_rows(1L << 40);
                    m.getRow_groups().get(0).getColumns().forEach(c -> c.getMeta_data()
                            .setNum_values(1L << 40));
                }),
                "a page's header cannot be read");
    }

    @Test
    void encryptedColumnsAreRefused() throws IOException {
        refused(
                changed("tiny", m -> {
                    m.setEncryption_algorithm(EncryptionAlgorithm.AES_GCM_V1(new AesGcmV1()));
                    m.getRow_groups()
                            .get(0)
                            .getColumns()
                            .get(2)
                            .setCrypto_metadata(
                                    ColumnCryptoMetaData.ENCRYPTION_WITH_FOOTER_KEY(new EncryptionWithFooterKey()));
                }),
                "column \"text\", row group 0",
                "encrypted");
    }

    @Test
    void aPagesSizesAreChecked() {
        byte[] packed = {1, 2, 3};
        for (Codec codec : Codec.values()) {
            for (int size : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, Codec.MOST + 1}) {
                assertThatThrownBy(() -> codec.decompressed(packed, size))
                        .as("%s, %d", codec, size)
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining(String.valueOf(size));
            }
        }
    }

    @Test
    void lengthsWithinAPageAreChecked() {
        // 2^31 - 1 differences; blocks of 2^40; a width of 200 bits.
        for (List<Integer> head : List.of(
                List.of(0x80, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00),
                List.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x04, 0x02, 0x00),
                List.of(0x80, 0x01, 0x04, 0x02, 0x00, 0x00, 0xC8, 0xC8, 0xC8, 0xC8))) {
            ByteBuffer in = ByteBuffer.allocate(head.size());
            head.forEach(b -> in.put(b.byteValue()));
            assertThatThrownBy(() -> Deltas.read(in.flip(), 100)).isInstanceOf(Problem.class);
        }
        byte[] string = {(byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x7F, 'x'};
        assertThatThrownBy(() -> Values.dictionary(Type.BYTE_ARRAY, string, 1))
                .hasMessageContaining("a string is longer than its page");
        assertThatThrownBy(() -> Values.dictionary(Type.BYTE_ARRAY, string, Integer.MAX_VALUE))
                .hasMessageContaining("a dictionary has an impossible size");
    }
}
