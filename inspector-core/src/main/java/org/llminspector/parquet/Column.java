package org.llminspector.parquet;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.parquet.format.ConvertedType;
import org.apache.parquet.format.FieldRepetitionType;
import org.apache.parquet.format.SchemaElement;
import org.apache.parquet.format.Type;
import org.llminspector.base.Problem;

/**
 * A column of a file's schema, of those that are not within another.
 *
 * @param leaf its number among all columns with values
 * @param optional whether a value may be missing
 * @param type null for a column of lists or of further columns
 * @param kind for a reader: {@code string}, {@code int64}, {@code list}
 */
record Column(String name, int leaf, boolean optional, Type type, String kind) {

    private static final String STRING = "string";

    boolean text() {
        return kind.equals(STRING);
    }

    /** A string or a whole number. */
    boolean identifier() {
        return text() || type == Type.INT32 || type == Type.INT64;
    }

    @Override
    public String toString() {
        return Problem.shown(name) + " (" + kind + ")";
    }

    /** The columns of a schema, which is a tree, written from the root down. */
    static List<Column> of(List<SchemaElement> schema) {
        List<Column> columns = new ArrayList<>();
        int leaf = 0;
        for (int at = 1; at < schema.size(); ) {
            SchemaElement element = schema.get(at);
            columns.add(of(element, leaf));
            for (long open = 1; open > 0; open--, at++) {
                if (at >= schema.size()) {
                    throw Damage.of("the schema ends early", "the columns that it counts", schema.size() + " elements");
                }
                SchemaElement e = schema.get(at);
                if (e.isSetType()) leaf++;
                else if (e.getNum_children() < 0) {
                    throw Damage.of("the schema has an impossible column", "columns within it", e.getNum_children());
                } else open += e.getNum_children();
            }
        }
        return columns;
    }

    private static Column of(SchemaElement element, int leaf) {
        FieldRepetitionType repetition = element.getRepetition_type();
        boolean single = element.isSetType() && repetition != FieldRepetitionType.REPEATED;
        return new Column(
                element.getName(),
                leaf,
                repetition == FieldRepetitionType.OPTIONAL,
                single ? element.getType() : null,
                single ? kind(element) : lists(element) ? "list" : "columns");
    }

    private static boolean lists(SchemaElement element) {
        return element.getRepetition_type() == FieldRepetitionType.REPEATED
                || element.getConverted_type() == ConvertedType.LIST;
    }

    private static String kind(SchemaElement element) {
        if (element.getType() != Type.BYTE_ARRAY)
            return element.getType().name().toLowerCase(Locale.ROOT);
        ConvertedType as = element.getConverted_type();
        // Some writers do not say that bytes are UTF-8.
        if (as == null) return STRING;
        return switch (as) {
            case UTF8, JSON, ENUM -> STRING;
            default -> as.name().toLowerCase(Locale.ROOT);
        };
    }
}
