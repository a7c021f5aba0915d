package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepListener;
import org.llminspector.run.sweep.SweepManifest;
import org.llminspector.run.sweep.SweepMemory;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.web.cli.common.ByteSize;
import org.llminspector.web.cli.common.CorpusFlags;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.FolderOptions;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.Progress;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.SideArgument;
import org.llminspector.web.cli.common.SweepCluster;
import org.llminspector.web.report.CorpusText;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that runs a model over a corpus and keeps what can be merged. */
@Command(
        name = "sweep",
        sortOptions = false,
        subcommands = SweepMergeCommand.class,
        customSynopsis = "inspector sweep --corpus PATH --out DIR [--reduce KIND,...] [--shard I/N] [OPTION...]",
        description =
                "Runs a model over a corpus: what its neurons, heads and experts do in general, its loss, and the"
                        + " importance matrix that llama-quantize reads. A killed sweep goes on where it was; a repeated one is free.",
        footer = {
            "",
            "The folder then holds sweep.json, one file a reducer (KIND.safetensors), and the parts.",
            "",
            "Examples:",
            "  inspector sweep --corpus tales:held_out --reduce loss,moments,top --out ./sweep",
            "  inspector sweep --model ./my-model --engine onnx --precision int8 --corpus texts.jsonl --out ./int8",
            "  inspector sweep --model ./my-model --corpus wiki.txt --window 512 --reduce imatrix --out ./imatrix",
            "  inspector sweep --engine onnx --b engine=onnx,precision=int8 --corpus tales:held_out --out ./int8",
            "  inspector sweep ... --b precision=fp16 --out ./gate --fail-if 'mean_kld.high>0.02'",
            "  inspector sweep ... --out /shared/sweep --shard 0/2     (on one machine; 1/2 on another)",
            "  inspector sweep merge /shared/sweep",
            "  inspector sweep ... --out /shared/sweep --on spark://host:7077     (docs/scale.md)"
        })
final class SweepCommand extends ModelCommand {

    @Mixin
    CorpusFlags corpus;

    @Option(names = "--out", paramLabel = "DIR", description = "The sweep's folder.")
    Path out;

    @Option(names = "--window", paramLabel = "N", description = "The most tokens read together. Default: 128.")
    Integer window;

    @Option(
            names = "--reduce",
            paramLabel = "KIND,...",
            split = ",",
            description =
                    "What is kept: moments, loss, top, histogram, imatrix, heads, router, lens, covariance:HOOK; KIND:HOOK for"
                            + " hooks of its own; or loglikelihood alone, of a .jsonl of tasks (docs/sweeps.md). Default:"
                            + " loss,moments.")
    List<String> reduce;

    @Option(
            names = "--hooks",
            paramLabel = "GLOB,...",
            split = ",",
            description = "Hooks of the reducers that can be given some. Default: each one's own.")
    List<String> hooks;

    @Option(
            names = "--shard",
            paramLabel = "I/N",
            description = "Only the shards of one of N processes, I from 0. The parts are merged once all are there.")
    String shard;

    @Option(
            names = "--on",
            paramLabel = "ADDRESS",
            description = "Compute the shards on a cluster, such as spark://host:7077. The result has the same bits.")
    String on;

    @Option(names = "--shard-windows", paramLabel = "N", description = "Windows of one part. Default: 64.")
    Integer shardWindows;

    @Option(
            names = "--max-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The most that all parts may take; more is refused before anything runs. Default: 4GiB.")
    long maxBytes = Sweeps.MOST_BYTES;

    @Mixin
    EngineFlags engine;

    @Option(
            names = "--b",
            paramLabel = "SIDE",
            description = "Another side, as in compare: precision=int8. The divergence of both outputs is kept too.")
    String b;

    @Option(
            names = "--fail-if",
            paramLabel = "CONDITION",
            description = "End with exit code 10 where it holds, such as mean_kld.high>0.02 (the upper end of the 95 %%"
                    + " interval), same_top<0.97 or loss.perplexity>20; may be repeated. Needs every part.")
    List<String> failIf;

    @Option(names = "--json", description = "Print the sweep's description instead of a summary.")
    boolean json;

    @Mixin
    QuietOptions manners;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        // Not `required` of picocli, which would ask for them before `merge` too.
        required(corpus.corpus, "--corpus", "texts: a file, a folder, tales:train or tales:held_out");
        required(out, "--out", "the sweep's folder");
        List<Gate> gates = failIf == null
                ? List.of()
                : failIf.stream().map(c -> Gate.parse(c, Gate.CORPUS)).toList();
        RunRequest other = b == null ? null : SideArgument.parse(b, "--b");
        if (other != null && other.model() != null) {
            other = other.toBuilder().model(places.slug(other.model())).build();
        }
        SweepRequest request = new SweepRequest(
                engine.of(RunRequest.builder().model(places.slug())).build(),
                other,
                corpus.texts(),
                window,
                reduce,
                hooks,
                shardWindows,
                null);
        Interrupt interrupt = new Interrupt();
        Progress progress = new Progress(err(), manners.quiet);
        Path noRuns = Files.createTempDirectory("inspector-sweep");
        try (Inspector inspector = places.open(1, noRuns)) {
            Sweeps.Done done = done(inspector, request, listener(progress, interrupt));
            progress.clear();
            if (json) out().println(Json.write(done.manifest()));
            else print(done, out(), out);
            out().flush();
            return gates.isEmpty() ? 0 : gated(gates, done);
        } catch (Problem p) {
            progress.clear();
            if (!interrupt.requested()) throw p;
            err().println("interrupted; what is finished is kept, and the same command goes on with it");
            err().flush();
            return Interrupt.EXIT_CODE;
        } finally {
            progress.clear();
            interrupt.done();
            FolderOptions.delete(noRuns);
        }
    }

    private Sweeps.Done done(Inspector inspector, SweepRequest request, SweepListener listener) {
        if (on == null) return inspector.sweeps().run(request, out, share(), maxBytes, listener);
        if (shard != null) {
            throw Problem.invalid("a cluster is given every shard")
                    .where("--shard, --on")
                    .expected("at most one of them")
                    .found("both");
        }
        SweepCluster cluster = SweepCluster.at(on);
        return cluster.run(on, inspector, places.elsewhere(inspector), request, out, maxBytes, listener);
    }

    private int gated(List<Gate> gates, Sweeps.Done done) {
        if (done.files().isEmpty()) {
            throw Problem.of(Problem.Kind.CONFLICT, "a condition is on the whole corpus")
                    .where("--fail-if")
                    .expected("every part of the sweep")
                    .found(done.missing().size() + " missing")
                    .instead("give it to the process that runs last");
        }
        SweepResults results = new SweepResults(new SweepFolder(out));
        CorpusDivergence divergence = results.divergence();
        ObjectNode numbers = divergence == null
                ? Json.mapper().createObjectNode()
                : Json.mapper().valueToTree(divergence);
        numbers.set("loss", Json.mapper().valueToTree(results.loss()));
        boolean failed = false;
        for (Gate gate : gates) {
            Gate.Outcome outcome = gate.of(numbers);
            if (outcome.failed()) err().println(outcome.message());
            failed |= outcome.failed();
        }
        err().flush();
        return failed ? Gate.EXIT_CODE : 0;
    }

    private static void required(Object given, String option, String expected) {
        if (given == null)
            throw Problem.invalid("a sweep needs " + option).where(option).expected(expected);
    }

    private Sweeps.Share share() {
        if (shard == null) return Sweeps.Share.ALL;
        String[] parts = shard.split("/", -1);
        try {
            if (parts.length == 2) return new Sweeps.Share(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
        } catch (NumberFormatException e) {
            // refused below
        }
        throw Problem.invalid("this is no share of the shards")
                .where("--shard")
                .expected("I/N, such as 0/2 and 1/2")
                .found(shard);
    }

    private SweepListener listener(Progress progress, Interrupt interrupt) {
        return new SweepListener() {
            @Override
            public void planned(SweepManifest sweep, int ready) {
                if (manners.quiet) return;
                progress.clear();
                err().println(String.format(
                        Locale.ROOT,
                        "%s, %s, %,d tokens; %s of at most %s%s; memory %s",
                        Plural.of(sweep.documents(), "document"),
                        Plural.of(sweep.windows(), "window"),
                        sweep.read(),
                        Plural.of(sweep.parts().size(), "part"),
                        ByteCount.of(sweep.bytes()),
                        ready == 0 ? "" : ", " + ready + " there already",
                        memory(sweep.memory())));
                if (sweep.badLines() > 0) {
                    err().println(Plural.of(sweep.badLines(), "bad line") + " left out: "
                            + String.join("; ", sweep.firstBadLines()));
                }
                err().flush();
            }

            @Override
            public void estimated(SweepListener.Estimate e) {
                if (manners.quiet) return;
                progress.clear();
                err().println(String.format(
                        Locale.ROOT,
                        "about %s for %,d tokens, at %,.0f tokens per second (measured on a batch)",
                        time(e.seconds()),
                        e.tokens(),
                        e.tokensPerSecond()));
                err().flush();
            }

            @Override
            public void progress(SweepListener.Progress p) {
                if (!p.phase().equals("running")) {
                    progress.show(p.phase());
                    return;
                }
                String rate = p.secondsLeft() < 0
                        ? ""
                        : String.format(
                                Locale.ROOT, "%,.0f tokens/s, %s left", p.tokensPerSecond(), time(p.secondsLeft()));
                progress.bar(p.shards(), p.of(), rate);
            }

            @Override
            public boolean cancelled() {
                return interrupt.requested();
            }
        };
    }

    /** What is held at once, by its parts. */
    private static String memory(SweepMemory m) {
        return String.format(
                Locale.ROOT,
                "%s (weights %s, a batch's values %s%s, state %s)",
                ByteCount.of(m.total()),
                ByteCount.of(m.weights()),
                ByteCount.of(m.values()),
                m.logits() == 0 ? "" : ", A's logits " + ByteCount.of(m.logits()),
                ByteCount.of(m.state()));
    }

    private static void print(SweepResults results, PrintWriter out) {
        SweepResults.Loss loss = results.loss();
        if (loss != null) {
            out.println(String.format(
                    Locale.ROOT,
                    "%-12s %.4f nats per token%s: perplexity %.3f",
                    "loss",
                    loss.loss(),
                    interval(loss.low(), loss.high()),
                    loss.perplexity()));
        }
        CorpusDivergence d = results.divergence();
        if (d != null) CorpusText.lines(d).forEach(out::println);
    }

    /** The 95 % interval over documents. */
    private static String interval(Double low, Double high) {
        return low == null ? "" : String.format(Locale.ROOT, " (95 %% over documents: %.5f to %.5f)", low, high);
    }

    private static String time(double seconds) {
        long s = Math.round(seconds);
        return s < 100 ? s + " s" : s < 6000 ? s / 60 + " min" : s / 3600 + " h " + s / 60 % 60 + " min";
    }

    /** What was done, and where it lies. */
    static void print(Sweeps.Done done, PrintWriter out, Path folder) {
        SweepManifest m = done.manifest();
        out.println(String.format(
                Locale.ROOT,
                "%s of %s, %,d tokens by %s (%s)",
                Plural.of(m.windows(), "window"),
                Plural.of(m.documents(), "document"),
                m.tokens(),
                m.model().slug(),
                m.engine().name() + " " + m.engine().precision().label()));
        if (done.seconds() > 0) {
            out.println(String.format(
                    Locale.ROOT,
                    "%s in %s: %,.0f tokens per second",
                    Plural.of(done.computed(), "part"),
                    time(done.seconds()),
                    done.tokens() / done.seconds()));
        }
        if (!done.missing().isEmpty()) {
            out.println("waiting for the parts of " + Plural.of(done.missing().size(), "shard")
                    + "; once they are there: inspector sweep merge DIR");
        }
        if (!done.files().isEmpty()) print(new SweepResults(new SweepFolder(folder)), out);
        done.files().forEach((kind, file) -> out.println(String.format(Locale.ROOT, "%-12s %s", kind, file)));
    }
}
