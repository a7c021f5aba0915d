package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.cost.Benchmarks;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.cli.common.Arguments;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Command that prints a model's KV cache size at several context lengths and which fit here, and measures its speed.
 */
@Command(
        name = "cost",
        customSynopsis = "inspector cost [--contexts N,N] [--measure] [OPTION...]",
        description = "What weights and the KV cache take, what fits in this machine; and how long tokens take here.",
        sortOptions = false,
        footer = {
            "",
            "  CACHE    keys and values of this many tokens",
            "  NEEDED   if layers with a window kept no more than that",
            "  SCRATCH  about what is alive at once while a prompt of that length is read",
            "",
            "Examples:",
            "  inspector cost --contexts 2048,32768 --kv-cache fp16/int8",
            "  inspector cost --engine onnx --precision int8 --measure --contexts 64,256"
        })
public final class CostCommand extends AskCommand {

    private static final String TEXT = "Once upon a time there was ";

    @Option(names = "--engine", paramLabel = "NAME", description = "torch or onnx. Default: torch.")
    String engine;

    @Option(names = "--device", paramLabel = "ID", description = "auto, cpu, cuda:0. Default: auto.")
    String device;

    @Option(names = "--precision", paramLabel = "NAME", description = "Of the weights. Default: fp32.")
    String precision;

    @Option(
            names = "--kv-cache",
            paramLabel = "FORMAT",
            description = "What keys and values are kept in: fp32, fp16, int8; or keys' and values': fp16/int8.")
    String kvCache;

    @Option(
            names = "--contexts",
            split = ",",
            paramLabel = "N",
            description = "Lengths, in tokens. Default: powers of two up to the context; with --measure 16 to 1024.")
    List<Integer> contexts;

    @Option(names = "--measure", description = "Run the model at each length, with its cache and without.")
    boolean measure;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/cost, or /benchmarks, answers.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        RunRequest request = RunRequest.builder()
                .model(slug(inspector))
                .engine(engine)
                .device(device)
                .precision(Arguments.precision(precision))
                .kvCache(Arguments.kvCache(kvCache, "--kv-cache"))
                .build();
        if (measure) measure(inspector, request, out);
        else print(inspector.analyses().costs().cost(request, null, null, contexts), out);
    }

    private void print(Costs.Cost c, PrintWriter out) {
        if (json) {
            out.println(Json.write(c));
            return;
        }
        Costs.Room room = c.room();
        out.println(String.format(
                Locale.ROOT,
                "%s on %s, %s: %s parameters, weights %s in %s; a cache in %s, %s per token",
                c.model(),
                c.engine(),
                c.device(),
                Lines.count(c.parameters()),
                ByteCount.of(room.weightsBytes()),
                c.plan().standard().label(),
                c.kvCache().words(),
                ByteCount.of(c.cacheWriteBytes() / c.tokens())));
        if (room.memoryBytes() != null) {
            out.println(String.format(
                    Locale.ROOT,
                    "%s of memory hold about %s tokens; the model reads %s",
                    ByteCount.of(room.memoryBytes()),
                    Lines.count(room.fitsPositions()),
                    Lines.count(room.maxContext())));
        }
        out.println();
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("TOKENS", "CACHE", "NEEDED", "SCRATCH", "FITS"));
        for (Costs.AtContext at : c.contexts()) {
            table.add(List.of(
                    Lines.count(at.positions()),
                    ByteCount.of(at.keptBytes()),
                    ByteCount.of(at.neededBytes()),
                    ByteCount.of(at.scratchBytes()),
                    at.fits() ? "yes" : "no"));
        }
        Lines.table(table, out);
    }

    private void measure(Inspector inspector, RunRequest request, PrintWriter out) {
        Progress progress = new Progress(err(), json);
        Benchmarks.Listener listener = new Benchmarks.Listener() {
            @Override
            public void measured(Benchmarks.Point point, int done, int total) {
                progress.show(done + " of " + total + " lengths");
            }

            @Override
            public boolean cancelled() {
                return Thread.currentThread().isInterrupted();
            }
        };
        Benchmarks.Benchmark b =
                inspector.analyses().benchmarks().run(reading(inspector, request), contexts, null, null, listener);
        progress.clear();
        if (json) {
            out.println(Json.write(b));
            return;
        }
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("TOKENS", "PROMPT", "ONE MORE", "WITHOUT CACHE", "CACHE"));
        for (Benchmarks.Point p : b.points()) {
            table.add(List.of(
                    Lines.count(p.positions()),
                    ms(p.prefillMs()),
                    ms(p.decode().median()),
                    ms(p.withoutCache().median()),
                    ByteCount.of(p.kvCache().bytes())));
        }
        Lines.table(table, out);
        out.println("\nMedians on " + b.engine().name() + " (" + b.engine().form() + ", "
                + b.engine().device() + ", " + b.engine().threads() + " threads), " + b.newTokens()
                + " tokens after each prompt.");
    }

    /** The prompt that is timed; its content does not matter. */
    private static RunRequest reading(Inspector inspector, RunRequest request) {
        try {
            inspector.models().tokenizer(request.model());
            return request.toBuilder().prompt(TEXT).build();
        } catch (Problem none) {
            return request.toBuilder().tokens(List.of(0, 1, 2, 3)).build();
        }
    }

    private static String ms(double ms) {
        return String.format(Locale.ROOT, "%.2f ms", ms);
    }
}
