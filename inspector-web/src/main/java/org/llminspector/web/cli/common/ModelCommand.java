package org.llminspector.web.cli.common;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.llminspector.run.Inspector;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Base of commands that open the Inspector to work with a model. */
public abstract class ModelCommand implements Callable<Integer> {

    @Spec
    public CommandSpec spec;

    @ArgGroup(exclusive = false, order = 100, heading = "%nPlaces and limits:%n")
    public FolderOptions places = new FolderOptions();

    protected final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    protected final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** The slug of the model given by the options, or of the default model. */
    protected final String slug(Inspector inspector) {
        return inspector.models().orDefault(places.slug());
    }
}
