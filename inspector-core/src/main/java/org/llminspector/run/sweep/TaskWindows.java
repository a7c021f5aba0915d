package org.llminspector.run.sweep;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.corpus.Task;
import org.llminspector.corpus.TaskFile;
import org.llminspector.run.evaluate.TaskTokens;
import org.llminspector.run.request.SweepRequest.Texts;

/** The windows of an evaluation: one for each choice of each task, the task being their document; and the tasks' answers. */
final class TaskWindows {

    private record Tokens(Task task, List<TaskTokens.Row> rows) {}

    private final TaskFile file;
    private final List<Integer> answers = new ArrayList<>(); // [document], -1 for none
    private final List<int[]> choices = new ArrayList<>(); // [window]: choice, characters, bytes, tokens that were cut

    private TaskWindows(TaskFile file) {
        this.file = file;
    }

    /** @throws Problem where the request names no file of tasks */
    static void check(Texts texts) {
        if (texts == null || texts.path() == null || texts.path().isBlank()) throw Corpora.none();
        if (texts.field() == null && !Boolean.TRUE.equals(texts.paragraphs())) return;
        throw Problem.invalid("tasks have fields of their own")
                .where("corpus.field, corpus.paragraphs")
                .expected("neither: \"context\", and \"continuation\" or \"choices\" and \"answer\"");
    }

    /**
     * Reads the tasks into windows.
     *
     * @param between is called between tasks; what it throws ends the reading
     */
    static TaskWindows read(Texts texts, TaskTokens tokens, Windows windows, Runnable between) {
        TaskFile file = new TaskFile(
                Path.of(texts.path()), texts.id() == null ? "id" : texts.id(), Boolean.TRUE.equals(texts.skipBad()));
        TaskWindows tasks = new TaskWindows(file);
        long most = texts.documents() == null ? Long.MAX_VALUE : texts.documents();
        if (most < 1) throw Corpora.noDocuments(texts);
        file.read((task, where) -> new Tokens(task, tokens.rows(task, where)), read -> {
            between.run();
            tasks.add(read, windows);
            return tasks.answers.size() < most;
        });
        return tasks;
    }

    private void add(Tokens read, Windows windows) {
        Task task = read.task();
        windows.document(task.id());
        answers.add(task.answer() == null ? -1 : task.answer());
        for (int c = 0; c < read.rows().size(); c++) {
            TaskTokens.Row row = read.rows().get(c);
            windows.row(row.tokens(), row.from());
            String choice = task.choices().get(c);
            choices.add(new int[] {
                c, choice.codePointCount(0, choice.length()), choice.getBytes(StandardCharsets.UTF_8).length, row.cut()
            });
        }
    }

    TaskFile file() {
        return file;
    }

    /** {@code answer} I64 [document], -1 for none; {@code choice}, {@code characters}, {@code bytes} and {@code cut} [window]. */
    SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        state.put("answer", column(answers.size(), answers::get));
        state.put("choice", column(choices.size(), w -> choices.get(w)[0]));
        state.put("characters", column(choices.size(), w -> choices.get(w)[1]));
        state.put("bytes", column(choices.size(), w -> choices.get(w)[2]));
        state.put("cut", column(choices.size(), w -> choices.get(w)[3]));
        return state;
    }

    private static Tensor column(int rows, java.util.function.IntUnaryOperator value) {
        long[] values = new long[rows];
        for (int i = 0; i < rows; i++) values[i] = value.applyAsInt(i);
        return State.of(values, rows);
    }
}
