package org.llminspector.web.cli.common;

import picocli.CommandLine.Option;

/** Options of a long command: how much progress it prints, and help. */
public final class QuietOptions extends Help {

    @Option(
            names = {"-q", "--quiet"},
            description = "Say nothing on standard error but problems.")
    public boolean quiet;
}
