package org.llminspector.corpus;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * A corpus on disk: a .txt, .jsonl or .csv file (each also compressed, .gz), or a folder of them at any depth, such as a
 * dataset's snapshot in the Hugging Face cache. A folder's files come in the order of their paths.
 */
public final class CorpusFiles implements Documents {

    private static final String KINDS = ".txt, .jsonl or .csv, each also .gz";

    /** docs/decisions.md 105 says why no library reads them. */
    private static final String PARQUET = ".parquet";

    private final Path root;
    private final List<Path> files;
    private final CorpusOptions options;
    private final BadLines bad;

    /** @throws Problem NOT_FOUND where there is none; INVALID for a file of another kind, or a folder without any */
    public CorpusFiles(Path root, CorpusOptions options) {
        this.root = root;
        this.options = options;
        this.bad = new BadLines(options.skipBad());
        if (!Files.exists(root)) {
            throw Problem.notFound("there is no such corpus")
                    .where(root)
                    .expected("a file (" + KINDS + ") or a folder");
        }
        if (!Files.isDirectory(root) && parquet(root)) throw parquet(root, root.getFileName());
        this.files = Files.isDirectory(root) ? within(root) : List.of(root);
        if (!Files.isDirectory(root) && kind(root) == null) {
            throw Problem.invalid("a corpus of this kind is not read")
                    .where(root)
                    .expected(KINDS)
                    .found(root.getFileName())
                    .instead("convert it, or give a folder with such files");
        }
    }

    /** Dot files and folders of the corpus are no part of it; those above it do not matter. */
    private static List<Path> within(Path root) {
        try (Stream<Path> all = Files.walk(root, FileVisitOption.FOLLOW_LINKS)) {
            List<Path> files = all.filter(Files::isRegularFile)
                    .filter(f -> kind(f) != null || parquet(f))
                    .filter(f -> Stream.iterate(root.relativize(f), p -> p != null, Path::getParent)
                            .noneMatch(p -> p.getFileName().toString().startsWith(".")))
                    .sorted(Comparator.comparing(f -> name(root, f)))
                    .toList();
            // What lies beside them, a licence's text, would else be taken for the corpus.
            for (Path f : files) if (parquet(f)) throw parquet(root, name(root, f));
            if (!files.isEmpty()) return files;
        } catch (IOException e) {
            throw Reads.unreadable(root, e);
        }
        throw Problem.invalid("the folder has no texts").where(root).expected("files: " + KINDS);
    }

    private static boolean parquet(Path file) {
        return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(PARQUET);
    }

    private static Problem parquet(Path where, Object found) {
        return Problem.unsupported("Parquet files are not read")
                .where(where)
                .expected(KINDS)
                .found(found)
                .instead("convert each, with pandas and pyarrow: python -c \"import pandas, sys;"
                        + " pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient='records', lines=True)\""
                        + " in.parquet out.jsonl");
    }

    private static String name(Path root, Path file) {
        return root.relativize(file).toString().replace('\\', '/');
    }

    /** {@code txt}, {@code jsonl} or {@code csv}; null for another. */
    private static String kind(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".gz")) name = name.substring(0, name.length() - 3);
        if (name.endsWith(".txt")) return "txt";
        if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) return "jsonl";
        return name.endsWith(".csv") ? "csv" : null;
    }

    public BadLines bad() {
        return bad;
    }

    @Override
    public void read(Predicate<Document> reader) {
        bad.clear();
        for (Path file : files) {
            String name = Files.isDirectory(root)
                    ? name(root, file)
                    : file.getFileName().toString();
            boolean more =
                    switch (kind(file)) {
                        case "jsonl" -> JsonLines.read(file, name, options, bad, reader);
                        case "csv" -> CsvRows.read(file, name, options, bad, reader);
                        default -> TextFile.read(file, name, options.paragraphs(), reader);
                    };
            if (!more) return;
        }
    }
}
