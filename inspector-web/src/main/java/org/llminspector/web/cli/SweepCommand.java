package org.llminspector.web.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.web.cli.common.CorpusFlags;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.QuietOptions;
import org.llminspector.web.cli.common.SideArgument;
import org.llminspector.web.cli.common.SweepFlags;
import org.llminspector.web.cli.common.SweepPrinter;
import org.llminspector.web.cli.common.SweepRun;
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

    @Mixin
    SweepFlags flags;

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
        required(flags.out, "--out", "the sweep's folder");
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
                flags.window,
                reduce,
                hooks,
                flags.shardWindows,
                null);
        return new SweepRun(places, flags, err(), manners.quiet).run(request, (done, folder) -> {
            if (json) out().println(Json.write(done.manifest()));
            else SweepPrinter.printAll(done, out(), folder);
            out().flush();
            return gates.isEmpty() ? 0 : gated(gates, done);
        });
    }

    private int gated(List<Gate> gates, Sweeps.Done done) {
        if (done.files().isEmpty()) {
            throw Problem.of(Problem.Kind.CONFLICT, "a condition is on the whole corpus")
                    .where("--fail-if")
                    .expected("every part of the sweep")
                    .found(done.missing().size() + " missing")
                    .instead("give it to the process that runs last");
        }
        SweepResults results = new SweepResults(new SweepFolder(flags.out));
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
}
