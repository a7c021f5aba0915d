package org.llminspector.parquet;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.CompressionCodec;
import org.apache.parquet.format.ConvertedType;
import org.apache.parquet.format.DataPageHeader;
import org.apache.parquet.format.Encoding;
import org.apache.parquet.format.FieldRepetitionType;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.PageHeader;
import org.apache.parquet.format.PageType;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.SchemaElement;
import org.apache.parquet.format.Type;
import org.apache.parquet.format.Util;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Writer of tensors as a table: columns of numbers with a name each, plain and uncompressed, a page a column and row group. */
public final class ParquetTable {

    /** Most columns: readers keep the footer's words on each in memory. */
    private static final int COLUMNS = 10_000;

    private static final int GROUP = 1 << 20;

    private static final byte[] MARK = "PAR1".getBytes(StandardCharsets.US_ASCII);

    /**
     * A column, of every {@code step}th value of a tensor.
     *
     * @param from the first one
     */
    private record Cells(String name, Tensor values, long from, long step) {

        DType dtype() {
            return values.dtype();
        }

        /** Formats that Parquet lacks become the next wider one. */
        Type type() {
            return switch (dtype()) {
                case F64 -> Type.DOUBLE;
                case F32, F16, BF16, F8_E4M3, F8_E5M2 -> Type.FLOAT;
                case I64 -> Type.INT64;
                case I32, I16, I8, U8, BOOL -> Type.INT32;
            };
        }

        /** Null where the type says it all. */
        ConvertedType narrow() {
            return switch (dtype()) {
                case I16 -> ConvertedType.INT_16;
                case I8 -> ConvertedType.INT_8;
                case U8, BOOL -> ConvertedType.UINT_8;
                default -> null;
            };
        }

        void put(ByteBuffer out, long row) {
            long at = from + row * step;
            switch (type()) {
                case DOUBLE -> out.putDouble(values.get(at));
                case FLOAT -> out.putFloat((float) values.get(at));
                case INT64 -> out.putLong(values.bytes().getLong(at * Long.BYTES));
                default -> out.putInt((int) values.get(at));
            }
        }
    }

    private final List<Cells> columns = new ArrayList<>();
    private long rows = -1;

    /**
     * Adds a tensor [row, ...], as one column, or one for each place of the other axes: {@code value_0}, {@code value_1}.
     *
     * @throws Problem where it has other rows than those before, or there are too many columns
     */
    public ParquetTable add(String name, Tensor tensor) {
        long[] shape = tensor.shape();
        long length = shape.length == 0 ? 1 : shape[0];
        if (rows >= 0 && length != rows) {
            throw Problem.invalid("these are no columns of one table")
                    .where(name)
                    .expected(rows + " rows, as " + columns.get(0).name() + " has them")
                    .found(length)
                    .instead("ask for one of them");
        }
        rows = length;
        long width = 1;
        for (int a = 1; a < shape.length; a++) width *= shape[a];
        if (columns.size() + width > COLUMNS) {
            throw Problem.tooLarge("these are too many columns for a table")
                    .where(name)
                    .expected("at most " + COLUMNS)
                    .found(columns.size() + width)
                    .instead("ask for one tensor, as safetensors or .npy");
        }
        if (shape.length < 2) columns.add(new Cells(name, tensor, 0, 1));
        else for (long c = 0; c < width; c++) columns.add(new Cells(name + place(shape, c), tensor, c, width));
        return this;
    }

    /** {@code _2_0} of the axes behind the first. */
    private static String place(long[] shape, long c) {
        StringBuilder place = new StringBuilder();
        for (int a = shape.length - 1; a > 0; a--) {
            place.insert(0, "_" + c % shape[a]);
            c /= shape[a];
        }
        return place.toString();
    }

    /** Writes the file, a row group at a time. */
    public void write(OutputStream out) throws IOException {
        out.write(MARK);
        long at = MARK.length;
        List<RowGroup> groups = new ArrayList<>();
        for (long first = 0; first < rows; first += GROUP) {
            int n = (int) Math.min(GROUP, rows - first);
            List<ColumnChunk> chunks = new ArrayList<>();
            long begin = at;
            for (Cells c : columns) {
                byte[] page = page(c, first, n);
                byte[] head = head(n, page.length);
                out.write(head);
                out.write(page);
                int size = head.length + page.length;
                ColumnChunk chunk = new ColumnChunk(at);
                chunk.setMeta_data(new ColumnMetaData(
                        c.type(),
                        List.of(Encoding.PLAIN),
                        List.of(c.name()),
                        CompressionCodec.UNCOMPRESSED,
                        n,
                        size,
                        size,
                        at));
                chunks.add(chunk);
                at += size;
            }
            groups.add(new RowGroup(chunks, at - begin, n));
        }
        FileMetaData meta = new FileMetaData(1, schema(), Math.max(rows, 0), groups);
        meta.setCreated_by("LLM Inspector");
        ByteArrayOutputStream footer = new ByteArrayOutputStream();
        Util.writeFileMetaData(meta, footer);
        footer.writeTo(out);
        out.write(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(footer.size())
                .array());
        out.write(MARK);
    }

    private static byte[] page(Cells column, long first, int n) {
        int bytes = column.type() == Type.DOUBLE || column.type() == Type.INT64 ? Long.BYTES : Integer.BYTES;
        ByteBuffer page = ByteBuffer.allocate(n * bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int r = 0; r < n; r++) column.put(page, first + r);
        return page.array();
    }

    private static byte[] head(int values, int size) throws IOException {
        PageHeader head = new PageHeader(PageType.DATA_PAGE, size, size);
        head.setData_page_header(new DataPageHeader(values, Encoding.PLAIN, Encoding.RLE, Encoding.RLE));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Util.writePageHeader(head, bytes);
        return bytes.toByteArray();
    }

    private List<SchemaElement> schema() {
        List<SchemaElement> schema = new ArrayList<>();
        SchemaElement root = new SchemaElement("schema");
        root.setNum_children(columns.size());
        schema.add(root);
        for (Cells c : columns) {
            SchemaElement element = new SchemaElement(c.name());
            element.setType(c.type());
            element.setRepetition_type(FieldRepetitionType.REQUIRED);
            if (c.narrow() != null) element.setConverted_type(c.narrow());
            schema.add(element);
        }
        return schema;
    }
}
