package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.hub.HubClient;
import org.llminspector.hub.Pulled;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Interrupt;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Command that downloads a model from the Hugging Face hub. */
@Command(
        name = "pull",
        customSynopsis = "inspector pull OWNER/NAME [--revision REVISION] [--json]",
        description = "Brings a model from the Hugging Face hub into the cache that Python's tools use too.",
        footer = {
            "",
            "Only the files that are needed, each compared with its hash; a pull that broke off goes on where it was.",
            "Heeds HF_TOKEN, HF_ENDPOINT, HF_HUB_CACHE, HF_HOME and HF_HUB_OFFLINE.",
            "",
            "Example:",
            "  inspector pull HuggingFaceTB/SmolLM2-135M"
        })
final class PullCommand implements Callable<Integer> {

    @Spec
    CommandSpec spec;

    @Parameters(paramLabel = "OWNER/NAME", description = "The model's name on the hub.")
    String repo;

    @Option(names = "--revision", paramLabel = "REVISION", description = "A branch, a tag or a commit. Default: main.")
    String revision;

    @Option(names = "--json", description = "Print what was pulled as JSON.")
    boolean json;

    @Mixin
    Help help;

    @Override
    public Integer call() {
        Lines.warningsOnly();
        PrintWriter out = spec.commandLine().getOut();
        Progress line = new Progress(spec.commandLine().getErr(), false);
        Interrupt interrupt = new Interrupt();
        try {
            Pulled pulled =
                    HubClient.fromEnvironment().pull(repo, revision, p -> line.show(text(p)), interrupt::requested);
            line.clear();
            if (json) {
                out.println(Json.write(pulled));
            } else {
                long bytes =
                        pulled.files().stream().mapToLong(Pulled.File::bytes).sum();
                out.println(pulled.slug() + ": " + pulled.files().size() + " files, " + ByteCount.of(bytes)
                        + ", commit " + pulled.commit());
                if (pulled.note() != null) out.println(pulled.note());
                out.println("open it with: inspector serve --model " + pulled.slug());
            }
            out.flush();
            return 0;
        } catch (CancellationException e) {
            line.clear();
            return Interrupt.EXIT_CODE; // what has been downloaded is kept
        } catch (Problem p) {
            line.clear();
            throw p;
        } finally {
            interrupt.done();
        }
    }

    private static String text(org.llminspector.hub.Progress p) {
        String what = p.state().name().toLowerCase(Locale.ROOT);
        if (p.file() == null) return what;
        return String.format(
                Locale.ROOT,
                "%s %s (%d of %d), %s of %s, %s/s",
                what,
                p.file(),
                p.fileNumber(),
                p.fileCount(),
                ByteCount.of(p.bytesDone()),
                ByteCount.of(p.bytesTotal()),
                ByteCount.of((long) p.bytesPerSecond()));
    }
}
