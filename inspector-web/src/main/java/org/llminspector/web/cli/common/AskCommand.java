package org.llminspector.web.cli.common;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import picocli.CommandLine.Mixin;

/** Base of commands that compute one answer about a model and print it. */
public abstract class AskCommand extends ModelCommand {

    @Mixin
    protected Help help;

    /** Computes and prints the answer. */
    protected abstract void ask(Inspector inspector, PrintWriter out) throws IOException;

    @Override
    public Integer call() throws IOException {
        Lines.warningsOnly();
        try (Inspector inspector = places.open(1)) {
            ask(inspector, out());
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.STORAGE) throw p;
            askWithoutRuns(p);
        }
        out().flush();
        return 0;
    }

    /** Where the home folder is not writable, runs go to a temporary folder that is deleted afterwards. */
    private void askWithoutRuns(Problem unusable) throws IOException {
        Path folder = Files.createTempDirectory("inspector");
        try (Inspector inspector = places.open(1, folder.resolve("runs"))) {
            ask(inspector, out());
        } catch (Problem p) {
            throw p.kind() == Problem.Kind.NOT_FOUND ? unusable : p;
        } finally {
            FolderOptions.delete(folder);
        }
    }
}
