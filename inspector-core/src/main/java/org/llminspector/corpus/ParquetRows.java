package org.llminspector.corpus;

import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.llminspector.base.Problem;
import org.llminspector.base.StrictUtf8;
import org.llminspector.parquet.ParquetFile;

/** A .parquet file: a document a row, one of whose columns is the text. */
final class ParquetRows {

    private ParquetRows() {}

    /** @return whether the reader wants more */
    static boolean read(Path file, String name, CorpusOptions options, BadLines bad, Predicate<Document> reader) {
        return new ParquetFile(file, name).read(options.field(), options.id(), (row, id, text) -> {
            String where = name + ":" + row;
            Document document;
            try {
                document = new Document(id == null ? where : string(id, where), text(text, where, options.field()));
            } catch (Problem p) {
                bad.add(where, p);
                return true;
            }
            return reader.test(document);
        });
    }

    private static String text(byte[] text, String where, String field) {
        if (text != null) return string(text, where);
        throw BadLines.bad("the row has no text", where, "a string in column \"" + field + "\"", "null");
    }

    private static String string(byte[] bytes, String where) {
        try {
            return StrictUtf8.decode(bytes);
        } catch (CharacterCodingException e) {
            throw BadLines.bad("the text is not UTF-8", where, "UTF-8", e.getMessage());
        }
    }
}
