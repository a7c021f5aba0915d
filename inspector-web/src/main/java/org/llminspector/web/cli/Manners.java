package org.llminspector.web.cli;

import picocli.CommandLine.Option;

/** Manners are the options of a command that takes a while: how much it says on the way, and help. */
final class Manners extends Help {

    @Option(
            names = {"-q", "--quiet"},
            description = "Say nothing on standard error but problems.")
    boolean quiet;
}
