package org.llminspector.corpus;

import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvReadException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** A .csv file (RFC 4180): the first row names the columns, one of which is the text. */
final class CsvRows {

    private static final CsvMapper MAPPER =
            CsvMapper.builder().enable(CsvParser.Feature.WRAP_AS_ARRAY).build();

    private CsvRows() {}

    /** @return whether the reader wants more */
    static boolean read(Path file, String name, CorpusOptions options, BadLines bad, Predicate<Document> reader) {
        try (BufferedReader lines = TextFile.open(file);
                MappingIterator<String[]> rows =
                        MAPPER.readerFor(String[].class).readValues(lines)) {
            if (!rows.hasNextValue()) return true;
            List<String> columns = Arrays.asList(rows.nextValue());
            int text = columns.indexOf(options.field());
            if (text < 0) {
                throw Problem.invalid("the file has no such column")
                        .where(name + ", first row")
                        .expected("a column \"" + options.field() + "\"")
                        .found(String.join(", ", columns))
                        .instead("name the text's column: --field");
            }
            int id = columns.indexOf(options.id());
            for (long number = 2; rows.hasNextValue(); number++) {
                String[] row = rows.nextValue();
                String where = name + ", row " + number;
                if (row.length != columns.size()) {
                    bad.add(
                            where,
                            BadLines.bad("the row has other columns", where, columns.size() + " cells", row.length));
                    continue;
                }
                if (!reader.test(new Document(id < 0 ? where : row[id], row[text]))) return false;
            }
            return true;
        } catch (CsvReadException e) {
            throw Problem.invalid("the file is not CSV")
                    .where(name)
                    .expected("rows as RFC 4180 has them, quotes doubled within quotes")
                    .found(e.getOriginalMessage());
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }
}
