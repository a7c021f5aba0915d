package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.tales.Evaluations;
import org.llminspector.tales.evaluation.Evaluation;
import org.llminspector.tales.evaluation.EvaluationReport;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.FolderOptions;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.SweepFlags;
import org.llminspector.web.cli.common.SweepPrinter;
import org.llminspector.web.cli.common.SweepRun;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that evaluates a model: on a file of tasks, or on the project's tales. */
@Command(
        name = "evaluate",
        sortOptions = false,
        customSynopsis = {
            "inspector evaluate --tasks FILE [--model DIR] [--out DIR] [--shard I/N] [--json] [OPTION...]",
            "       inspector evaluate [--model DIR] [--json] [OPTION...]"
        },
        description = {
            "With --tasks: scores the continuations of a .jsonl of tasks, and prints accuracies with standard errors as"
                    + " lm-evaluation-harness has them. It is a sweep: parts that are there are not made again, and shards"
                    + " may be computed anywhere.",
            "Without: asks a model that learnt from the project's tales what it can do, on stories that it has not seen: loss,"
                    + " consistent names and pronouns, questions by kind, better against worse answers, attention heads."
                    + " It takes some minutes; the numbers of the model cards are those of the default sizes."
        },
        footer = {
            "",
            "A line of tasks:",
            "  {\"context\": \"The cat sat on the\", \"continuation\": \" mat\"}",
            "  {\"context\": \"The cat sat on the\", \"choices\": [\" mat\", \" moon\"], \"answer\": 0}",
            "",
            "Examples:",
            "  inspector evaluate --model ./my-model --tasks tasks.jsonl",
            "  inspector evaluate --tasks tasks.jsonl --engine onnx --precision int8 --out ./int8",
            "  inspector evaluate --tasks tasks.jsonl --out /shared/evaluation --shard 0/2     (on one machine; 1/2 on another)",
            "  inspector evaluate --tasks tasks.jsonl --out /shared/evaluation --on spark://host:7077     (docs/scale.md)",
            "  inspector evaluate --model tales-4m",
            "  inspector evaluate --model tales-4m-instruct --stories 20 --questions 5 --pairs 20"
        })
final class EvaluateCommand extends ModelCommand {

    /** Options of an evaluation on tasks. */
    static final class TaskFlags extends SweepFlags {

        @Option(
                names = "--tasks",
                required = true,
                order = -2,
                paramLabel = "FILE",
                description = "A .jsonl of tasks, also .gz.")
        String tasks;

        @Option(names = "--limit", paramLabel = "N", description = "The most tasks, from the first.")
        Long limit;

        @Option(names = "--id", paramLabel = "NAME", description = "Field with a task's id. Default: id.")
        String id;

        @Option(names = "--skip-bad-lines", description = "Count lines that are no tasks instead of refusing them.")
        boolean skipBad;

        SweepRequest.Texts texts() {
            return new SweepRequest.Texts(tasks, limit, null, id, null, skipBad ? true : null);
        }
    }

    /** Options of an evaluation on the tales. */
    static final class TalesFlags {

        @Option(names = "--seed", paramLabel = "N", description = "Of the tales. Default: 1, the embedded model's.")
        long seed = Evaluation.Size.FULL.seed();

        @Option(names = "--stories", paramLabel = "N", description = "Held-out stories. Default: 200.")
        int stories = Evaluation.Size.FULL.stories();

        @Option(
                names = "--tell",
                paramLabel = "N",
                description = "Print the first N of them as it told them. Default: 0.")
        int print;

        @Option(names = "--questions", paramLabel = "N", description = "Questions of each kind. Default: 400.")
        int questions = Evaluation.Size.FULL.questionsPerKind();

        @Option(
                names = "--pairs",
                paramLabel = "N",
                description = "Pairs of a better and a worse answer. Default: 200.")
        int pairs = Evaluation.Size.FULL.pairs();

        Evaluation.Size size() {
            return new Evaluation.Size(seed, stories, questions, pairs);
        }
    }

    @ArgGroup(exclusive = false, order = 10, heading = "%nOn tasks; --engine and --precision are of these too:%n")
    TaskFlags tasks; // null where none is given

    @ArgGroup(exclusive = false, order = 20, heading = "%nOn the tales:%n")
    TalesFlags tales; // null where none is given

    @Mixin
    EngineFlags engine;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads of one operation. Default: as many as there are cores.")
    Integer threads;

    @Option(names = "--json", description = "Print the whole report as JSON.")
    boolean json;

    @Mixin
    QuietOptions manners;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        if (threads != null) System.setProperty("ai.djl.pytorch.num_threads", threads.toString());
        RunRequest asked = engine.of(RunRequest.builder().model(places.slug())).build();
        if (tasks == null) return onTales(asked);
        if (tales != null) {
            throw Problem.invalid("an evaluation is on tasks or on the tales")
                    .where("--tasks, --stories, --questions, --pairs, --seed, --tell")
                    .expected("--tasks, or the others")
                    .found("both");
        }
        return onTasks(asked);
    }

    private int onTasks(RunRequest asked) throws IOException {
        if (tasks.shard != null && tasks.out == null) {
            throw Problem.invalid("a share of an evaluation is kept for the others")
                    .where("--out")
                    .expected("the folder of all shares")
                    .found("none");
        }
        SweepRequest request = new SweepRequest(
                asked,
                null,
                tasks.texts(),
                tasks.window,
                List.of(SweepRequest.LOGLIKELIHOOD),
                null,
                tasks.shardWindows,
                null);
        return new SweepRun(places, tasks, err(), manners.quiet).run(request, (done, folder) -> {
            if (json) out().println(Json.write(report(done, folder)));
            else if (tasks.out == null) SweepPrinter.print(done, out(), folder);
            else SweepPrinter.printAll(done, out(), folder);
            out().flush();
            return 0;
        });
    }

    /** {@code evaluation}, null while parts are missing, and the {@code missing} shards. */
    private static ObjectNode report(Sweeps.Done done, Path folder) {
        ObjectNode report = Json.mapper().createObjectNode();
        report.putPOJO(
                "evaluation", done.files().isEmpty() ? null : new SweepResults(new SweepFolder(folder)).evaluation());
        report.putPOJO("missing", done.missing());
        return report;
    }

    private int onTales(RunRequest asked) throws IOException {
        if (asked.engine() != null || asked.precision() != null || asked.precisionPlan() != null) {
            throw Problem.invalid("the tales' evaluation runs on torch in fp32")
                    .where("--engine, --precision, --precision-plan, --simulate")
                    .expected("none of them, or --tasks")
                    .instead("evaluate a file of tasks: --tasks FILE");
        }
        TalesFlags flags = tales == null ? new TalesFlags() : tales;
        Progress progress = new Progress(err(), manners.quiet);
        Interrupt interrupt = new Interrupt();
        PrintWriter out = out();
        Path noRuns = Files.createTempDirectory("llm-inspector-evaluation");
        try (Inspector inspector = places.open(1, noRuns)) {
            EvaluationReport report = new Evaluations(inspector)
                    .take(
                            places.slug(),
                            asked.device() == null ? "auto" : asked.device(),
                            flags.size(),
                            progress::show,
                            interrupt::requested);
            progress.clear();
            if (json) out.println(Json.write(report));
            else TalesEvaluationText.print(report, out);
            if (!json)
                TalesEvaluationText.print(
                        report.stories().told().stream().limit(flags.print).toList(), out);
            out.flush();
            return 0;
        } finally {
            progress.clear();
            interrupt.done();
            FolderOptions.delete(noRuns);
        }
    }
}
