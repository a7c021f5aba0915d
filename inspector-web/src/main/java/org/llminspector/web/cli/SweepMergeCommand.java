package org.llminspector.web.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.run.Inspector;
import org.llminspector.web.cli.common.FolderOptions;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.ModelCommand;
import org.llminspector.web.cli.common.SweepPrinter;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Command that merges a sweep's parts, of one or several machines. */
@Command(
        name = "merge",
        customSynopsis = "inspector sweep merge DIR [OPTION...]",
        description =
                "Merges the parts of a sweep once all are there; nothing is computed. The result is the same bit for"
                        + " bit, whichever machines made the parts.")
final class SweepMergeCommand extends ModelCommand {

    @Parameters(index = "0", paramLabel = "DIR", description = "The sweep's folder.")
    Path dir;

    @Mixin
    Help help;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        Path noRuns = Files.createTempDirectory("inspector-sweep");
        try (Inspector inspector = places.open(1, noRuns)) {
            SweepPrinter.printAll(inspector.sweeps().merge(dir, places.slug()), out(), dir);
            out().flush();
            return 0;
        } finally {
            FolderOptions.delete(noRuns);
        }
    }
}
