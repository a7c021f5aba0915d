package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.engine.LearnerInfo;
import org.llminspector.run.learn.Training;
import org.llminspector.train.LossCurve;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.TrainingEnvironments;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.server.api.RecipeText;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Command that trains a model from a recipe, or resumes a stopped training. */
@Command(
        name = "train",
        customSynopsis = "inspector train --config FILE --out DIR [--resume] [OPTION...]",
        description = "Trains a model as a recipe says, from random weights or from a model; what comes out opens.",
        sortOptions = false,
        footer = {
            "",
            "The folder has the model in Hugging Face layout, a tuned one in its base's; loss.csv, checkpoints/ and the",
            "state to resume from.",
            "Ctrl-C ends it after the update under way; --resume goes on bit for bit, if the number of threads is the same.",
            "",
            "Examples:",
            "  inspector train --config model-cache/recipes/grokking.yaml --out mine",
            "  inspector train --config model-cache/recipes/grokking.yaml --out mine --resume",
            "  inspector train --config model-cache/recipes/tales-4m.yaml --out mine --from model-cache/tales-4m --after 21100"
        })
final class TrainCommand implements Callable<Integer> {

    private static final double SECONDS_BETWEEN_LINES = 60;

    @Spec
    CommandSpec spec;

    @Option(names = "--config", required = true, paramLabel = "FILE", description = "The recipe, YAML or JSON.")
    Path config;

    @Option(names = "--out", required = true, paramLabel = "DIR", description = "The model's folder.")
    Path out;

    @Option(
            names = "--resume",
            description = "Go on with the training in the folder; the recipe that lies there holds.")
    boolean resume;

    @ArgGroup(exclusive = false)
    Later later;

    /** Options to start at a later stage, from another run's model and checkpoints. */
    static final class Later {
        @Option(
                names = "--from",
                required = true,
                paramLabel = "DIR",
                description = "A model that another run of the recipe made, with its loss.csv and checkpoints:"
                        + " what comes before --after is taken from there.")
        Path run;

        @Option(
                names = "--after",
                required = true,
                paramLabel = "N",
                description = "Updates after which a stage of the recipe begins: it is the first to be made.")
        int step;
    }

    @Option(names = "--steps", paramLabel = "N", description = "Instead of the recipe's number of updates.")
    Integer steps;

    @Option(names = "--device", paramLabel = "DEVICE", defaultValue = "auto", description = "auto, cpu or cuda:N.")
    String device;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads of one operation. Default: as many as there are cores.")
    Integer threads;

    @Mixin
    Help help;

    @Override
    public Integer call() {
        Lines.warningsOnly();
        if (threads != null) System.setProperty("ai.djl.pytorch.num_threads", threads.toString());
        Recipe recipe = RecipeText.read(config, new RecipeText.Change(null, steps, null));
        Teller teller = new Teller(spec.commandLine().getErr());
        try (Trainer trainer = trainer(recipe)) {
            teller.begins(trainer.learner());
            trainer.run(teller);
        } finally {
            teller.finish();
        }
        return teller.interrupt.requested() ? Interrupt.EXIT_CODE : 0;
    }

    private Trainer trainer(Recipe recipe) {
        if (resume && later != null) {
            throw Problem.invalid("a run is resumed, or begun at a stage")
                    .where("--resume")
                    .found("--from")
                    .instead("leave one of them out");
        }
        if (resume) return Training.resume(out, device);
        return later == null
                ? Training.begin(recipe, out, device)
                : Training.beginAfter(recipe, out, device, later.run, later.step);
    }

    /**
     * Progress of each update on the terminal's last line; updates with a validation loss are printed, else one a
     * minute.
     */
    private static final class Teller implements Trainer.Listener {
        private final PrintWriter err;
        private final Progress line;
        private final Interrupt interrupt = new Interrupt();
        private long lastLine;

        Teller(PrintWriter err) {
            this.err = err;
            this.line = new Progress(err, false);
        }

        void begins(LearnerInfo on) {
            String kernels = on.instructions() == null ? "" : ", " + on.instructions() + " kernels";
            err.println("on " + on.device() + kernels + ", " + Plural.of(on.threads(), "thread"));
            String differs = TrainingEnvironments.differs(on);
            if (differs != null) err.println(differs);
            err.flush();
        }

        @Override
        public void progress(Trainer.Progress p) {
            String text = text(p);
            boolean due = (System.nanoTime() - lastLine) / 1e9 > SECONDS_BETWEEN_LINES;
            if (p.row().valLoss() != null || due) {
                line.clear();
                err.println(text);
                err.flush();
                lastLine = System.nanoTime();
            }
            line.show(text);
        }

        @Override
        public boolean stop() {
            return interrupt.requested();
        }

        void finish() {
            line.clear();
            interrupt.done();
        }

        private static String text(Trainer.Progress p) {
            LossCurve.Row r = p.row();
            return String.format(
                    Locale.ROOT,
                    "step %d of %d, loss %.4f%s, |g| %.2f, lr %.2e, %,.0f tokens/s, %s left",
                    r.step(),
                    p.steps(),
                    r.loss(),
                    r.valLoss() == null ? "" : String.format(Locale.ROOT, ", held out %.4f", r.valLoss()),
                    r.gradNorm(),
                    r.lr(),
                    p.tokensPerSecond(),
                    duration(p.secondsLeft()));
        }

        private static String duration(double seconds) {
            long s = Math.round(seconds);
            return s < 3600
                    ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
                    : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
        }
    }
}
