package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.llminspector.run.Inspector;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Base of commands that open the Inspector to work with a model. */
abstract class ModelCommand implements Callable<Integer> {

    @Spec
    CommandSpec spec;

    @ArgGroup(exclusive = false, order = 100, heading = "%nPlaces and limits:%n")
    FolderOptions places = new FolderOptions();

    final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    final PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** The slug of the model given by the options, or of the default model. */
    final String slug(Inspector inspector) {
        return places.slug() == null ? inspector.models().defaultSlug() : places.slug();
    }
}
