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
 * A corpus on disk: a .txt, .jsonl or .csv file (each also compressed, .gz), a .parquet file, or a folder of them at any
 * depth, such as a dataset's in the Hugging Face cache. A folder's files come in the order of their paths; its .txt files
 * are left out where it has .parquet files, for those are a licence or a card.
 */
public final class CorpusFiles implements Documents {

    private static final String KINDS = ".txt, .jsonl or .csv, each also .gz, or .parquet";

    private static final String PARQUET = "parquet";

    private final Path root;
    private final List<Path> files;
    private final CorpusOptions options;
    private final BadLines bad;

    /** @throws Problem NOT_FOUND where there is none; INVALID for a file of another kind, or a folder without any */
    public CorpusFiles(Path given, CorpusOptions options) {
        Path root = snapshot(given);
        this.root = root;
        this.options = options;
        this.bad = new BadLines(options.skipBad());
        if (!Files.exists(root)) {
            throw Problem.notFound("there is no such corpus")
                    .where(root)
                    .expected("a file (" + KINDS + ") or a folder");
        }
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
                    .filter(f -> kind(f) != null)
                    .filter(f -> Stream.iterate(root.relativize(f), p -> p != null, Path::getParent)
                            .noneMatch(p -> p.getFileName().toString().startsWith(".")))
                    .sorted(Comparator.comparing(f -> name(root, f)))
                    .toList();
            boolean tables = files.stream().anyMatch(f -> PARQUET.equals(kind(f)));
            if (tables)
                files = files.stream().filter(f -> !"txt".equals(kind(f))).toList();
            if (!files.isEmpty()) return files;
        } catch (IOException e) {
            throw Reads.unreadable(root, e);
        }
        throw Problem.invalid("the folder has no texts").where(root).expected("files: " + KINDS);
    }

    /** Of a dataset's folder in the Hugging Face cache the snapshot that {@code main} names, or the only one. */
    private static Path snapshot(Path root) {
        Path snapshots = root.resolve("snapshots");
        String name = String.valueOf(root.getFileName());
        if (!name.startsWith("datasets--") || !Files.isDirectory(snapshots)) return root;
        Path main = root.resolve("refs/main");
        if (Files.isRegularFile(main)) {
            String revision = Reads.text(main, Reads.SMALL).strip();
            if (revision.matches("[0-9a-f]{1,64}") && Files.isDirectory(snapshots.resolve(revision))) {
                return snapshots.resolve(revision);
            }
        }
        try (Stream<Path> all = Files.list(snapshots)) {
            List<Path> revisions = all.filter(Files::isDirectory).sorted().toList();
            if (revisions.size() == 1) return revisions.get(0);
            throw Problem.invalid("which revision of the dataset is not said")
                    .where(root)
                    .expected("refs/main, or one folder in snapshots")
                    .found(revisions.stream()
                            .map(r -> r.getFileName().toString())
                            .toList())
                    .instead("name one of these folders");
        } catch (IOException e) {
            throw Reads.unreadable(snapshots, e);
        }
    }

    private static String name(Path root, Path file) {
        return root.relativize(file).toString().replace('\\', '/');
    }

    /** {@code txt}, {@code jsonl}, {@code csv} or {@code parquet}; null for another. */
    private static String kind(Path file) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        if (name.endsWith("." + PARQUET)) return PARQUET;
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
                        case PARQUET -> ParquetRows.read(file, name, options, bad, reader);
                        default -> TextFile.read(file, name, options.paragraphs(), reader);
                    };
            if (!more) return;
        }
    }
}
