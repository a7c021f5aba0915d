package org.llminspector.web.cli;

import picocli.CommandLine.Option;

/** Help is the option that every command has. */
class Help {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;
}
