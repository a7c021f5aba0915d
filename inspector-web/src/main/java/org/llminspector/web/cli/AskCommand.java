package org.llminspector.web.cli;

import java.io.IOException;
import java.io.PrintWriter;
import org.llminspector.run.Inspector;
import picocli.CommandLine.Mixin;

/** AskCommand is a command that asks one thing about a model and prints the answer. */
abstract class AskCommand extends ModelCommand {

    @Mixin
    Help help;

    /** Prints the answer. */
    abstract void ask(Inspector inspector, PrintWriter out) throws IOException;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        try (Inspector inspector = places.open(1)) {
            ask(inspector, out());
            out().flush();
        }
        return 0;
    }
}
