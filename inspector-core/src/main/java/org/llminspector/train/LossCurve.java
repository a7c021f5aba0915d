package org.llminspector.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Writes;

/** Training curve loss.csv: one row per update, appended as it happens. */
public final class LossCurve {

    public static final String FILE = "loss.csv";

    /** A million rows; the longest training here has some ten thousand. */
    private static final long MAX_BYTES = 64L << 20;

    static final String HEADER = "step,tokens,lr,loss,val_loss,grad_norm,accuracy,val_accuracy";

    /**
     * One update, or the validation before the first (step 0, no loss).
     *
     * @param step updates made
     * @param tokens predicted so far
     * @param loss mean nll of the update's tokens, nats, before the update
     * @param valLoss of held-out examples after the update, or null where not validated
     * @param accuracy share of the update's tokens predicted as most probable (of pairs: ranked correctly)
     */
    public record Row(
            long step,
            long tokens,
            Double lr,
            Double loss,
            Double valLoss,
            Double gradNorm,
            Double accuracy,
            Double valAccuracy) {

        String csv() {
            return Stream.of(lr, loss, valLoss, gradNorm, accuracy, valAccuracy)
                    .map(Row::text)
                    .collect(Collectors.joining(",", step + "," + tokens + ",", ""));
        }

        private static String text(Double value) {
            return value == null ? "" : String.format(Locale.ROOT, "%.6g", value);
        }
    }

    private final Path file;

    private LossCurve(Path file) {
        this.file = file;
    }

    /** Opens the curve to resume after a step; later rows, written after the last saved state, are dropped. */
    static LossCurve open(Path folder, long afterStep) {
        LossCurve curve = new LossCurve(folder.resolve(FILE));
        List<String> lines = new ArrayList<>(List.of(HEADER));
        if (Files.exists(curve.file)) {
            for (Row row : read(folder)) if (row.step() <= afterStep && afterStep > 0) lines.add(row.csv());
        }
        curve.replace(lines);
        return curve;
    }

    /** Copies another run's rows up to a step. */
    static void copy(Path from, Path folder, long lastStep) {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        for (Row row : read(from)) if (row.step() <= lastStep) lines.add(row.csv());
        new LossCurve(folder.resolve(FILE)).replace(lines);
    }

    void add(Row row) {
        try {
            Files.write(
                    file,
                    List.of(row.csv()),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    /** Atomic: a process killed meanwhile leaves either the old rows or the new ones. */
    private void replace(List<String> lines) {
        try {
            Writes.replace(file, String.join("\n", lines) + "\n");
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private Problem failed(IOException e) {
        return Writes.failed("the curve cannot be written", file, e);
    }

    /** Whether the folder has a curve. */
    public static boolean isIn(Path folder) {
        return Files.isRegularFile(folder.resolve(FILE));
    }

    /** The rows in a model's folder; a malformed file is a Problem. */
    public static List<Row> read(Path folder) {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) {
            throw Problem.notFound("nothing is known of how this model was trained")
                    .where(file);
        }
        String text = Reads.text(file, MAX_BYTES);
        List<Row> rows = new ArrayList<>();
        int line = 0;
        int end;
        for (int at = 0; (end = text.indexOf('\n', at)) >= 0; at = end + 1) { // the last row may be incomplete
            if (++line == 1) continue; // the header
            String row = text.substring(at, end).stripTrailing();
            String[] cells = row.split(",", -1);
            try {
                rows.add(new Row(
                        Long.parseLong(cells[0]),
                        Long.parseLong(cells[1]),
                        number(cells[2]),
                        number(cells[3]),
                        number(cells[4]),
                        number(cells[5]),
                        cells.length > 6 ? number(cells[6]) : null, // early versions wrote no accuracy
                        cells.length > 6 ? number(cells[7]) : null));
            } catch (RuntimeException e) {
                throw Problem.invalid("a row of the curve cannot be read")
                        .where(file + ", line " + line)
                        .expected(HEADER)
                        .found(Problem.shown(row));
            }
        }
        return rows;
    }

    private static Double number(String cell) {
        return cell.isEmpty() ? null : Double.valueOf(cell);
    }
}
