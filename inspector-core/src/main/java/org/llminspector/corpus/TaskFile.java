package org.llminspector.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.llminspector.base.Problem;

/**
 * Tasks of an evaluation: a .jsonl file (also .gz) with a JSON object a line, {@code {"context", "continuation"}} or {@code
 * {"context", "choices": [...], "answer": k}}, k from 0; with {@code target_delimiter} and an id where it has them. Other
 * fields are not read.
 */
public final class TaskFile {

    private static final String LINES = "a .jsonl file, also .gz";

    private final Path file;
    private final String id;
    private final BadLines bad;

    /**
     * @param id field with a line's id
     * @param skipBad whether a line that is no task is counted and left out; else it is refused
     * @throws Problem NOT_FOUND where there is none; INVALID for a file of another kind
     */
    public TaskFile(Path file, String id, boolean skipBad) {
        this.file = file;
        this.id = id;
        this.bad = new BadLines(skipBad);
        if (!Files.exists(file)) {
            throw Problem.notFound("there is no such file of tasks").where(file).expected(LINES);
        }
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        if (!name.matches(".*\\.(jsonl|ndjson)(\\.gz)?")) {
            throw Problem.invalid("tasks of this kind are not read")
                    .where(file)
                    .expected(LINES)
                    .found(file.getFileName())
                    .instead("write a JSON object a line: {\"context\": ..., \"continuation\": ...}");
        }
    }

    public BadLines bad() {
        return bad;
    }

    /**
     * Reads the tasks from the first, one at a time.
     *
     * @param made makes a value of a task and its place; what it refuses is a bad line
     * @param reader returns whether it wants another
     */
    public <T> void read(BiFunction<Task, String, T> made, Predicate<T> reader) {
        bad.clear();
        JsonLines.read(
                file,
                file.getFileName().toString(),
                bad,
                (line, where) -> made.apply(task(line, where), where),
                reader);
    }

    private Task task(JsonNode line, String where) {
        String own = JsonLines.id(line, where, id);
        JsonNode context = line.get("context");
        if (context == null || !context.isTextual()) {
            throw BadLines.bad("the line has no context", where, "a string in field \"context\"", found(line, context));
        }
        boolean one = line.has("continuation");
        if (one == line.has("choices")) {
            throw BadLines.bad(
                    "the line has no continuation",
                    where,
                    "one of the fields \"continuation\" and \"choices\"",
                    one ? "both" : found(line, null));
        }
        List<String> choices = new ArrayList<>();
        if (one) choices.add(text(line.get("continuation"), "continuation", where));
        else for (JsonNode choice : line.get("choices")) choices.add(text(choice, "choices", where));
        if (!one && choices.size() < 2) {
            throw BadLines.bad(
                    "there is nothing to choose", where, "at least two strings in \"choices\"", choices.size());
        }
        JsonNode delimiter = line.get("target_delimiter");
        return new Task(
                own,
                context.asText(),
                choices,
                one ? null : answer(line.get("answer"), choices.size(), where),
                delimiter == null || !delimiter.isTextual() ? "" : delimiter.asText());
    }

    private static String text(JsonNode text, String field, String where) {
        if (text.isTextual() && !text.asText().isEmpty()) return text.asText();
        throw BadLines.bad(
                "there is nothing to score",
                where,
                "a string that is not empty in field \"" + field + "\"",
                text.isTextual() ? "an empty one" : text.getNodeType());
    }

    private static int answer(JsonNode answer, int choices, String where) {
        if (answer != null && answer.isInt() && answer.asInt() >= 0 && answer.asInt() < choices) return answer.asInt();
        throw BadLines.bad(
                "the line does not say which choice is right",
                where,
                "a number from 0 to " + (choices - 1) + " in field \"answer\"",
                answer == null ? "none" : answer);
    }

    private static Object found(JsonNode line, JsonNode value) {
        return value == null ? "fields " + JsonLines.names(line) : value.getNodeType();
    }
}
