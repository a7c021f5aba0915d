package org.llminspector.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** Files that pyarrow wrote (scripts/golden/make_parquet.py), with every row as it was given. */
class ParquetGoldenTest {

    private static final Path FOLDER = Path.of("src/test/resources/golden/parquet");

    record Row(String id, String text) {}

    static List<Row> rows(Path file, String text, String id) {
        List<Row> rows = new ArrayList<>();
        new ParquetFile(file, file.getFileName().toString()).read(text, id, (row, named, value) -> {
            assertThat(row).isEqualTo(rows.size() + 1);
            return rows.add(new Row(string(named), string(value)));
        });
        return rows;
    }

    private static String string(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    @TestFactory
    Stream<DynamicTest> everyRowIsRead() {
        JsonNode expected = Json.readObject(FOLDER.resolve("expected.json"));
        return expected.get("files").properties().stream()
                .map(e -> DynamicTest.dynamicTest(e.getKey(), () -> {
                    List<Row> rows = new ArrayList<>();
                    JsonNode texts =
                            expected.get("texts").get(e.getValue().get("texts").asText());
                    JsonNode ids = e.getValue().get("ids");
                    for (int i = 0; i < texts.size(); i++) {
                        rows.add(new Row(ids.isNull() ? null : ids.get(i).asText(), text(texts.get(i))));
                    }
                    assertThat(rows(FOLDER.resolve(e.getKey() + ".parquet"), "text", "id"))
                            .isEqualTo(rows);
                }));
    }

    /** A long one is a piece and how often it comes. */
    private static String text(JsonNode node) {
        if (node.isNull()) return null;
        return node.isArray() ? node.get(0).asText().repeat(node.get(1).asInt()) : node.asText();
    }

    @Test
    void readingEndsWhenTheReaderHasEnough() {
        List<Long> read = new ArrayList<>();
        boolean more = new ParquetFile(FOLDER.resolve("groups.parquet"), "g").read("text", "id", (row, id, text) -> {
            read.add(row);
            return row < 60;
        });
        assertThat(more).isFalse();
        assertThat(read).hasSize(60);
    }

    @Test
    void aColumnOfAnotherKindIsRefusedWithThoseThereAre() {
        Path odd = FOLDER.resolve("odd.parquet");
        assertThatThrownBy(() -> rows(odd, "content", "id"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("odd.parquet")
                .hasMessageContaining("a column \"content\"")
                .hasMessageContaining("\"text\" (double), \"tokens\" (list), \"flag\" (boolean), \"body\" (string)")
                .hasMessageContaining("--field");
        for (String column : List.of("text", "tokens", "flag")) {
            assertThatThrownBy(() -> rows(odd, column, "id"))
                    .hasMessageContaining("column \"" + column + "\"")
                    .hasMessageContaining("strings")
                    .hasMessageContaining("body");
        }
        // Brotli is not read.
        assertThatThrownBy(() -> rows(odd, "body", "id"))
                .hasMessageContaining("column \"body\", row group 0")
                .hasMessageContaining("BROTLI")
                .hasMessageContaining("zstd");
    }
}
