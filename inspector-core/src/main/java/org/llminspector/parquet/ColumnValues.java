package org.llminspector.parquet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.DataPageHeader;
import org.apache.parquet.format.DataPageHeaderV2;
import org.apache.parquet.format.Encoding;
import org.apache.parquet.format.PageHeader;
import org.llminspector.base.Problem;

/** One column's values in one row group, read a page at a time. */
final class ColumnValues implements AutoCloseable {

    /** Most values of a page; writers begin another after 20,000 rows or a megabyte. */
    private static final int MOST = 1 << 24;

    private final Column column;
    private final Codec codec;
    private final Span in;
    private byte[][] dictionary; // null before there is one
    private int left; // values of the page
    private Runs present; // null where every value is
    private Values values;

    /**
     * @param end of the file's columns, where its footer begins
     * @param rows of the row group
     */
    ColumnValues(Path file, long end, Column column, ColumnChunk chunk, long rows) throws IOException {
        this.column = column;
        if (chunk.isSetCrypto_metadata() || !chunk.isSetMeta_data()) throw encrypted();
        if (chunk.isSetFile_path()) {
            throw Damage.unread(
                    "the column lies in another file",
                    "a column in this file",
                    Problem.shown(chunk.getFile_path()),
                    "name that file");
        }
        ColumnMetaData meta = chunk.getMeta_data();
        if (meta.getType() != column.type()) {
            throw Damage.of("the column has another type", column.type(), meta.getType());
        }
        if (meta.getNum_values() != rows) {
            throw Damage.of("the column has other rows", rows + " values", meta.getNum_values());
        }
        this.codec = Codec.of(meta.getCodec());
        long data = meta.getData_page_offset();
        long from = meta.isSetDictionary_page_offset() && meta.getDictionary_page_offset() > 0
                ? Math.min(data, meta.getDictionary_page_offset())
                : data;
        long size = meta.getTotal_compressed_size();
        if (from < ParquetFile.MAGIC || size < 0 || size > end - from) {
            throw Damage.of("the column lies outside the file", "bytes 4 to " + end, size + " from " + from);
        }
        this.in = new Span(file, from, size);
    }

    static Problem encrypted() {
        return Damage.unread(
                "the file is encrypted", "a file without encryption", "encryption", "decrypt it: pyarrow can");
    }

    /** The next value; null where the row has none. */
    byte[] next() throws IOException {
        while (left == 0) page();
        left--;
        return present == null || present.next() == 1 ? values.next() : null;
    }

    private void page() throws IOException {
        PageHeader head = Headers.page(in);
        byte[] packed = in.take(head.getCompressed_page_size());
        if (head.isSetCrc()) {
            CRC32 crc = new CRC32();
            crc.update(packed);
            if ((int) crc.getValue() != head.getCrc()) {
                throw Damage.of("a page is damaged", "checksum " + head.getCrc(), (int) crc.getValue());
            }
        }
        int size = head.getUncompressed_page_size();
        switch (head.getType()) {
            case DICTIONARY_PAGE -> {
                if (dictionary != null || !head.isSetDictionary_page_header()) throw second();
                int count = head.getDictionary_page_header().getNum_values();
                dictionary = Values.dictionary(column.type(), codec.decompressed(packed, size), count);
            }
            case DATA_PAGE -> {
                if (!head.isSetData_page_header()) throw headless();
                first(head.getData_page_header(), ByteBuffer.wrap(codec.decompressed(packed, size)));
            }
            case DATA_PAGE_V2 -> {
                if (!head.isSetData_page_header_v2()) throw headless();
                second(head.getData_page_header_v2(), packed, size);
            }
            default -> {} // an index
        }
    }

    private static Problem second() {
        return Damage.of("a column has an impossible dictionary", "one dictionary", "another");
    }

    private static Problem headless() {
        return Damage.of("a page's header cannot be read", "a header of its kind", "none");
    }

    private void first(DataPageHeader head, ByteBuffer page) {
        count(head.getNum_values());
        present = null;
        if (column.optional()) {
            if (head.getDefinition_level_encoding() != Encoding.RLE) {
                throw Damage.unread(
                        "this encoding of levels is not read",
                        Encoding.RLE,
                        head.getDefinition_level_encoding(),
                        "write the file anew: pyarrow.parquet.write_table(table, file)");
            }
            if (page.remaining() < 4) throw Damage.of("a page's values end early", "4 bytes", page.remaining());
            present = new Runs(part(page, page.order(ByteOrder.LITTLE_ENDIAN).getInt()), 1);
        }
        values = Values.of(head.getEncoding(), column.type(), page, left, dictionary);
    }

    /** Levels are not compressed in these. */
    private void second(DataPageHeaderV2 head, byte[] packed, int size) {
        count(head.getNum_values());
        if (head.getRepetition_levels_byte_length() != 0) {
            throw Damage.of("a page has levels of lists", 0, head.getRepetition_levels_byte_length() + " bytes");
        }
        ByteBuffer page = ByteBuffer.wrap(packed);
        int levels = head.getDefinition_levels_byte_length();
        ByteBuffer definition = part(page, levels);
        present = column.optional() ? new Runs(definition, 1) : null;
        byte[] rest = new byte[page.remaining()];
        page.get(rest);
        if (head.isIs_compressed()) rest = codec.decompressed(rest, size - levels);
        values = Values.of(head.getEncoding(), column.type(), ByteBuffer.wrap(rest), left, dictionary);
    }

    private void count(int count) {
        if (count < 0 || count > MOST) {
            throw Damage.of("a page has an impossible number of values", "0 to " + MOST, count);
        }
        left = count;
    }

    private static ByteBuffer part(ByteBuffer page, int size) {
        if (size < 0 || size > page.remaining()) {
            throw Damage.of("a page's levels end late", "0 to " + page.remaining() + " bytes", size);
        }
        ByteBuffer part = page.slice(page.position(), size);
        page.position(page.position() + size);
        return part;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
