package org.llminspector.parquet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.RowGroup;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** A .parquet file, of which one column with texts and one that names them are read. */
public final class ParquetFile {

    /** Reads a row. */
    @FunctionalInterface
    public interface RowReader {

        /**
         * @param row its number, from 1
         * @param id null where the row or the file has none
         * @param text null where the row has none
         * @return whether it wants another
         */
        boolean read(long row, byte[] id, byte[] text);
    }

    /** Bytes of the mark at the beginning, and of the one at the end. */
    static final int MAGIC = 4;

    private static final String PLAIN = "PAR1";
    private static final String ENCRYPTED = "PARE";

    /** Longest footer. */
    private static final int FOOTER = 64 << 20;

    private final Path path;
    private final String name;
    private final long end;
    private final List<RowGroup> groups;
    private final List<Column> columns;

    /**
     * @param name of the file in problems
     * @throws Problem where its footer cannot be read, or is encrypted
     */
    public ParquetFile(Path path, String name) {
        this.path = path;
        this.name = name;
        try {
            long size = Files.size(path);
            byte[] tail = tail(size);
            int length = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN).getInt();
            this.end = size - tail.length - length;
            if (length < 0 || length > FOOTER || end < MAGIC) {
                throw Damage.of(
                        "the footer has an impossible length",
                        "at most " + Math.min(FOOTER, size - tail.length - MAGIC) + " bytes",
                        length);
            }
            try (Span in = new Span(path, end, length)) {
                FileMetaData meta = Headers.footer(in);
                this.groups = meta.getRow_groups();
                this.columns = Column.of(meta.getSchema());
            }
        } catch (Problem p) {
            throw p.where() == null ? p.where(name) : p;
        } catch (IOException e) {
            throw Reads.unreadable(path, e);
        }
    }

    /** The footer's length and the mark behind it. */
    private byte[] tail(long size) throws IOException {
        int length = Integer.BYTES + MAGIC;
        if (size < MAGIC + length) throw Damage.of("the file is no Parquet", "at least 12 bytes", size);
        try (Span in = new Span(path, size - length, length)) {
            byte[] tail = in.take(length);
            String mark = new String(tail, Integer.BYTES, MAGIC, StandardCharsets.ISO_8859_1);
            if (mark.equals(ENCRYPTED)) throw ColumnValues.encrypted();
            if (!mark.equals(PLAIN)) {
                throw Damage.of(
                        "the file is no Parquet, or its end is missing", PLAIN + " at its end", Problem.shown(mark));
            }
            return tail;
        }
    }

    /**
     * Reads the rows from the first.
     *
     * @param text the column with the texts
     * @param id the one that names them, where there is such a column of strings or whole numbers
     * @return whether the reader wants more
     * @throws Problem where there is no such column of strings, or the file is damaged
     */
    public boolean read(String text, String id, RowReader reader) {
        Column texts = find(text);
        if (texts == null) {
            throw Problem.invalid("the file has no such column")
                    .where(name)
                    .expected("a column \"" + text + "\"")
                    .found(columns.stream().map(Column::toString).collect(Collectors.joining(", ")))
                    .instead("name the text's column: --field");
        }
        if (!texts.text()) {
            throw Problem.invalid("the column has no texts")
                    .where(name + ", column \"" + text + "\"")
                    .expected("strings")
                    .found(texts.kind())
                    .instead("name a column of strings (--field): "
                            + columns.stream()
                                    .filter(Column::text)
                                    .map(c -> Problem.shown(c.name()))
                                    .collect(Collectors.joining(", ")));
        }
        Column ids = find(id);
        long row = 0;
        for (int g = 0; g < groups.size(); g++) {
            long rows = groups.get(g).getNum_rows();
            if (rows <= 0) continue; // pyarrow writes one without pages where there are no rows
            try (ColumnValues all = open(texts, g);
                    ColumnValues named = ids != null && ids.identifier() ? open(ids, g) : null) {
                for (long r = 0; r < rows; r++) {
                    byte[] own = named == null ? null : value(named, ids, g);
                    if (!reader.read(++row, own, value(all, texts, g))) return false;
                }
            } catch (IOException e) {
                throw Reads.unreadable(path, e);
            }
        }
        return true;
    }

    private Column find(String column) {
        return columns.stream().filter(c -> c.name().equals(column)).findFirst().orElse(null);
    }

    private ColumnValues open(Column column, int group) throws IOException {
        try {
            List<ColumnChunk> chunks = groups.get(group).getColumns();
            if (column.leaf() >= chunks.size()) {
                throw Damage.of(
                        "the row group lacks the column", "more than " + column.leaf() + " columns", chunks.size());
            }
            return new ColumnValues(
                    path,
                    end,
                    column,
                    chunks.get(column.leaf()),
                    groups.get(group).getNum_rows());
        } catch (Problem p) {
            throw placed(p, column, group);
        }
    }

    private byte[] value(ColumnValues values, Column column, int group) throws IOException {
        try {
            return values.next();
        } catch (Problem p) {
            throw placed(p, column, group);
        }
    }

    private Problem placed(Problem p, Column column, int group) {
        return p.where() == null
                ? p.where(name + ", column " + Problem.shown(column.name()) + ", row group " + group)
                : p;
    }
}
