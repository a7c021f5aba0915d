package org.llminspector.run.compare;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.TokenDivergence;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineInfo;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.tokenize.Token;

/** Comparison of a model's output with the log-probabilities in a {@link KldFile}. */
public final class BaseComparison {

    /**
     * Result of the comparison.
     *
     * @param base the file
     * @param context positions per chunk
     * @param chunks number of chunks
     * @param measures of the model (B) against the file (A)
     */
    public record Answer(
            String base, String model, EngineInfo engine, int context, int chunks, OutputMeasures measures) {}

    private static final int TOP = 10;

    private final KldFile.Reader base;
    private final KldFile.Head head;
    private final ComparisonSide side;
    private final int top;

    private BaseComparison(KldFile.Reader base, KldFile.Head head, ComparisonSide side, int top) {
        this.base = base;
        this.head = head;
        this.side = side;
        this.top = top;
    }

    static BaseComparison of(
            KldFile.Reader base,
            RunRequest raw,
            ModelFolder folder,
            OpenModels models,
            CaptureBudget budget,
            RunStore runs,
            Integer top) {
        KldFile.Head head = base.head(folder.spec().vocab());
        long bytes = (long) head.context() * head.vocab() * Float.BYTES;
        if (bytes > budget.maxBytes()) {
            throw Problem.tooLarge("the logits of one chunk would not fit the budget")
                    .where(head.context() + " positions x " + head.vocab() + " entries")
                    .expected("at most " + budget.maxBytes() + " bytes")
                    .found(bytes + " bytes")
                    .instead("raise --capture-budget");
        }
        List<Integer> first = IntStream.of(Arrays.copyOf(head.tokens(), head.context()))
                .boxed()
                .toList();
        PreparedRun run = PreparedRun.of(raw.asPass(folder.slug(), raw.device(), first), folder, budget, runs);
        return new BaseComparison(base, head, new ComparisonSide(run, models), top == null ? TOP : top);
    }

    ComparisonSide side() {
        return side;
    }

    Answer run(Path file, ComparisonListener listener, BooleanSupplier cancelled) {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        List<TextWindows.Window> windows = TextWindows.chunks(head.tokens(), head.context(), bos(), 0);
        for (int i = 0; i < windows.size(); i++) {
            if (cancelled.getAsBoolean()) {
                throw Problem.of(Problem.Kind.CANCELLED, "the comparison was cancelled");
            }
            String note = "chunk " + (i + 1) + " of " + windows.size();
            listener.progress(new ComparisonListener.Progress("text", i, windows.size(), note, gathering.meanKld()));
            TextWindows.Window w = windows.get(i);
            try (Capture logits = side.logits(w.ids())) {
                for (int row = w.from(); row < w.to(); row++) {
                    gathering.add(
                            TokenDivergence.of(base.next(), OutputComparison.row(logits, row), w.ids()[row + 1], top));
                }
            }
        }
        return new Answer(
                file.toString(),
                side.folder().slug(),
                side.info(),
                head.context(),
                head.chunks(),
                gathering.measures());
    }

    /** The BOS id that the model's tokenizer adds, or null. */
    private Integer bos() {
        if (!side.folder().hasTokenizer()) return null;
        List<Token> added = side.folder().requireTokenizer().encode("a", true);
        Token first = added.get(0);
        return first.added() ? (Integer) first.id() : null;
    }
}
