package org.llminspector.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

class CorpusFilesTest {

    @TempDir
    Path temp;

    private static List<Document> read(Path path, CorpusOptions options) {
        List<Document> all = new ArrayList<>();
        new CorpusFiles(path, options).read(all::add);
        return all;
    }

    private List<Document> read(String name, String text) throws IOException {
        return read(Files.writeString(temp.resolve(name), text), CorpusOptions.DEFAULT);
    }

    private static CorpusOptions skipping() {
        return new CorpusOptions("text", "id", false, true);
    }

    @Test
    void aTextFileIsOneDocumentOrItsParagraphs() throws IOException {
        String text = "One.\nStill one.\r\n\r\n\nTwo.\n";
        assertThat(read("a.txt", text)).containsExactly(new Document("a.txt", text));
        assertThat(read(temp.resolve("a.txt"), new CorpusOptions("text", "id", true, false)))
                .containsExactly(new Document("a.txt:1", "One.\nStill one."), new Document("a.txt:5", "Two."));
        assertThat(read("empty.txt", "")).isEmpty();
    }

    @Test
    void jsonLinesHaveTheirOwnIdsOrTheLinesNumber() throws IOException {
        assertThat(read("a.jsonl", "{\"text\": \"x\", \"id\": 7}\n\n{\"text\": \"\u00e9\\n\", \"other\": [1]}"))
                .containsExactly(new Document("7", "x"), new Document("a.jsonl:3", "\u00e9\n"));
        Path other = Files.writeString(temp.resolve("b.jsonl"), "{\"content\": \"x\", \"key\": \"k\"}");
        assertThat(read(other, new CorpusOptions("content", "key", false, false)))
                .containsExactly(new Document("k", "x"));
    }

    @Test
    void badLinesAreRefusedByNameOrCounted() throws IOException {
        String text = "{\"text\": \"a\"}\n{\"text\": 3}\nnot json\n[]\n{\"body\": \"b\"}\n{\"text\": \"c\"}\n";
        assertThatThrownBy(() -> read("a.jsonl", text))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("a.jsonl:2")
                .hasMessageContaining("\"text\"")
                .hasMessageContaining("NUMBER");
        CorpusFiles files = new CorpusFiles(temp.resolve("a.jsonl"), skipping());
        for (int again = 0; again < 2; again++) {
            List<Document> all = new ArrayList<>();
            files.read(all::add);
            assertThat(all).extracting(Document::text).containsExactly("a", "c");
            assertThat(files.bad().count()).isEqualTo(4);
            assertThat(files.bad().first().get(1)).startsWith("a.jsonl:3: the line is not JSON");
        }
    }

    private static Path golden(String name) {
        return Path.of("src/test/resources/golden/parquet", name);
    }

    @Test
    void aParquetRowIsADocument() throws IOException {
        CorpusOptions noId = new CorpusOptions("text", "none", false, false);
        List<Document> rows = read(golden("tiny.parquet"), noId);
        assertThat(rows).hasSize(6);
        assertThat(rows.get(0)).isEqualTo(new Document("tiny.parquet:1", "the"));
        assertThat(read(golden("tiny.parquet"), CorpusOptions.DEFAULT))
                .extracting(Document::id)
                .containsExactly("0", "1", "2", "3", "4", "5");
        Path lines = temp.resolve("tiny.jsonl");
        StringBuilder text = new StringBuilder();
        for (Document row : rows) {
            text.append(Json.mapper().writeValueAsString(Map.of("text", row.text())))
                    .append('\n');
        }
        Files.writeString(lines, text);
        assertThat(read(lines, CorpusOptions.DEFAULT))
                .extracting(Document::text)
                .isEqualTo(rows.stream().map(Document::text).toList());
    }

    @Test
    void aParquetRowWithoutTextIsABadLine() {
        assertThatThrownBy(() -> read(golden("tiny-plain.parquet"), CorpusOptions.DEFAULT))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("tiny-plain.parquet:4")
                .hasMessageContaining("\"text\"")
                .hasMessageContaining("null");
        CorpusFiles files = new CorpusFiles(golden("tiny-plain.parquet"), skipping());
        List<Document> all = new ArrayList<>();
        files.read(all::add);
        assertThat(all).hasSize(3);
        assertThat(files.bad().count()).isEqualTo(1);
        assertThat(files.bad().first().get(0)).startsWith("tiny-plain.parquet:4: the row has no text");
    }

    /** Files in the cache are links into blobs; a licence beside the data is no document. */
    @Test
    void aDatasetOfParquetFilesIsReadFromTheHubsCache() throws IOException {
        Path dataset = temp.resolve("hub/datasets--o--n");
        Path blob = Files.createDirectories(dataset.resolve("blobs")).resolve("0a1b");
        Files.copy(golden("tiny.parquet"), blob);
        for (String revision : List.of("abc", "def")) {
            Path data = Files.createDirectories(dataset.resolve("snapshots/" + revision + "/data"));
            Files.createSymbolicLink(data.resolve("train-00000.parquet"), Path.of("../../../blobs/0a1b"));
            Files.writeString(data.resolveSibling("LICENSE.txt"), "You may.");
        }
        CorpusOptions noId = new CorpusOptions("text", "none", false, false);
        assertThatThrownBy(() -> read(dataset, noId)).hasMessageContaining("abc, def");
        Files.writeString(Files.createDirectories(dataset.resolve("refs")).resolve("main"), "def\n");
        for (Path corpus : List.of(dataset, dataset.resolve("snapshots/abc"))) {
            List<Document> rows = read(corpus, noId);
            assertThat(rows).hasSize(6);
            assertThat(rows.get(5).id()).isEqualTo("data/train-00000.parquet:6");
        }
    }

    @Test
    void csvHasQuotedCellsAndNamedColumns() throws IOException {
        assertThat(read("a.csv", "id,text\n1,\"two\nlines, and a \"\"quote\"\"\"\n2,plain\n"))
                .containsExactly(new Document("1", "two\nlines, and a \"quote\""), new Document("2", "plain"));
        assertThat(read("b.csv", "text\nx\n")).containsExactly(new Document("b.csv, row 2", "x"));
        assertThatThrownBy(() -> read("c.csv", "body,n\nx,1\n"))
                .hasMessageContaining("\"text\"")
                .hasMessageContaining("body, n");
        Path ragged = Files.writeString(temp.resolve("d.csv"), "id,text\n1\n2,b\n");
        assertThatThrownBy(() -> read(ragged, CorpusOptions.DEFAULT)).hasMessageContaining("row 2");
        assertThat(read(ragged, skipping())).containsExactly(new Document("2", "b"));
        assertThat(read("empty.csv", "")).isEmpty();
    }

    @Test
    void aFoldersFilesComeInTheOrderOfTheirPaths() throws IOException {
        Path folder = Files.createDirectories(temp.resolve("folder/b"));
        Files.writeString(folder.resolve("z.txt"), "last");
        Files.writeString(temp.resolve("folder/a.jsonl"), "{\"text\": \"first\"}\n");
        Files.writeString(temp.resolve("folder/notes.md"), "no corpus");
        Files.createDirectories(temp.resolve("folder/.git"));
        Files.writeString(temp.resolve("folder/.git/x.txt"), "hidden");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(folder.resolve("y.txt.gz")))) {
            out.write("packed".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(read(temp.resolve("folder"), CorpusOptions.DEFAULT))
                .containsExactly(
                        new Document("a.jsonl:1", "first"),
                        new Document("b/y.txt.gz", "packed"),
                        new Document("b/z.txt", "last"));
    }

    /** A dataset in the Hugging Face cache: files in a snapshot are links into blobs, and a parent's name has dots. */
    @Test
    void aDatasetsSnapshotIsRead() throws IOException {
        Path dataset = temp.resolve(".cache/datasets--o--n");
        Path blob = Files.createDirectories(dataset.resolve("blobs")).resolve("0a1b");
        Files.writeString(blob, "{\"text\": \"x\"}\n");
        Path snapshot = Files.createDirectories(dataset.resolve("snapshots/abc/data"));
        Files.createSymbolicLink(snapshot.resolve("train.jsonl"), Path.of("../../../blobs/0a1b"));
        assertThat(read(dataset.resolve("snapshots/abc"), CorpusOptions.DEFAULT))
                .containsExactly(new Document("data/train.jsonl:1", "x"));
    }

    @Test
    void whatIsNoCorpusIsRefused() throws IOException {
        assertThatThrownBy(() -> read(temp.resolve("none.txt"), CorpusOptions.DEFAULT))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("none.txt");
        assertThatThrownBy(() -> read("a.pdf", "x")).hasMessageContaining(".jsonl");
        assertThatThrownBy(() -> read(Files.createDirectory(temp.resolve("bare")), CorpusOptions.DEFAULT))
                .hasMessageContaining("no texts");
        Path latin = Files.write(temp.resolve("latin.txt"), new byte[] {'a', (byte) 0xE9, 'b'});
        assertThatThrownBy(() -> read(latin, CorpusOptions.DEFAULT)).hasMessageContaining("UTF-8");
        Path lines = Files.write(temp.resolve("latin.jsonl"), new byte[] {'{', (byte) 0xE9, '}'});
        assertThatThrownBy(() -> read(lines, CorpusOptions.DEFAULT)).isInstanceOf(Problem.class);
        Path notPacked = Files.writeString(temp.resolve("x.txt.gz"), "plain");
        assertThatThrownBy(() -> read(notPacked, CorpusOptions.DEFAULT)).isInstanceOf(Problem.class);
    }

    @Test
    void readingEndsWhenTheReaderHasEnough() throws IOException {
        Files.writeString(temp.resolve("a.jsonl"), "{\"text\": \"1\"}\n{\"text\": \"2\"}\nbad\n");
        List<Document> all = new ArrayList<>();
        new CorpusFiles(temp.resolve("a.jsonl"), CorpusOptions.DEFAULT).read(d -> {
            all.add(d);
            return all.size() < 2;
        });
        assertThat(all).hasSize(2);
    }
}
