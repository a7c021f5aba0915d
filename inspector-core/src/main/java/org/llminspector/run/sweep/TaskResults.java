package org.llminspector.run.sweep;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Json;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.run.evaluate.Evaluation;
import org.llminspector.run.evaluate.TaskResult;
import org.llminspector.run.request.SweepRequest;

/** An evaluation's merged log-likelihoods, line by line and as a whole. */
final class TaskResults {

    static final String KIND = SweepRequest.LOGLIKELIHOOD;

    private TaskResults() {}

    /** Writes both files, where the sweep is an evaluation; gives them by name. */
    static Map<String, Path> write(SweepFolder folder) {
        Map<String, Path> files = new LinkedHashMap<>();
        if (!folder.results().containsKey(KIND)) return files;
        List<TaskResult> lines = lines(folder);
        StringBuilder text = new StringBuilder();
        try {
            for (TaskResult line : lines)
                text.append(Json.mapper().writeValueAsString(line)).append('\n');
        } catch (IOException e) {
            throw new IllegalStateException("a value of ours does not serialize", e);
        }
        List<String> contents = List.of(Json.write(Evaluation.of(lines, truncated(folder))), text.toString());
        for (int i = 0; i < SweepFolder.EVALUATION.size(); i++) {
            Path file = folder.dir().resolve(SweepFolder.EVALUATION.get(i));
            ByteBuffer bytes = ByteBuffer.wrap(contents.get(i).getBytes(StandardCharsets.UTF_8));
            Writes.atomically(file, (WritableByteChannel to) -> {
                while (bytes.hasRemaining()) to.write(bytes);
            });
            files.put(SweepFolder.EVALUATION.get(i), file);
        }
        return files;
    }

    private static long truncated(SweepFolder folder) {
        try (SafetensorsFile windows = SafetensorsFile.open(folder.windows())) {
            long rows = 0;
            for (long cut : State.longs(windows.tensor("cut"), "cut")) if (cut > 0) rows++;
            return rows;
        }
    }

    /** The lines, in the order of the tasks. */
    private static List<TaskResult> lines(SweepFolder folder) {
        List<String> ids = folder.documents();
        List<TaskResult> lines = new ArrayList<>();
        try (SafetensorsFile windows = SafetensorsFile.open(folder.windows());
                SafetensorsFile merged = SafetensorsFile.open(folder.results().get(KIND))) {
            long[] answer = State.longs(windows.tensor("answer"), "answer");
            long[] document = State.longs(windows.tensor("document"), "document");
            long[] characters = State.longs(windows.tensor("characters"), "characters");
            long[] bytes = State.longs(windows.tensor("bytes"), "bytes");
            long[] window = State.longs(merged.tensor("window"), "window");
            long[] count = State.longs(merged.tensor("count"), "count");
            long[] greedy = State.longs(merged.tensor("greedy"), "greedy");
            double[] sum = State.doubles(merged.tensor("sum"), "sum");
            int[] row = new int[window.length]; // of the table, by window
            for (int r = 0; r < row.length; r++) row[(int) window[r]] = r;
            for (int from = 0, to; from < row.length; from = to) {
                to = from;
                while (to < row.length && document[to] == document[from]) to++;
                List<Double> logprob = new ArrayList<>();
                List<Long> tokens = new ArrayList<>();
                List<Boolean> said = new ArrayList<>();
                long[] length = new long[to - from];
                long[] size = new long[to - from];
                for (int w = from; w < to; w++) {
                    logprob.add(Double.isNaN(sum[row[w]]) ? null : (Double) sum[row[w]]);
                    tokens.add(count[row[w]]);
                    said.add(greedy[row[w]] == 1);
                    length[w - from] = characters[w];
                    size[w - from] = bytes[w];
                }
                int d = (int) document[from];
                lines.add(
                        answer[d] < 0
                                ? new TaskResult(ids.get(d), logprob, tokens, said, null, null, null, null)
                                : TaskResult.of(ids.get(d), logprob, tokens, said, (int) answer[d], length, size));
            }
        }
        return lines;
    }
}
