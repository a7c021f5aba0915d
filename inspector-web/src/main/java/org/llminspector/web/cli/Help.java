package org.llminspector.web.cli;

import picocli.CommandLine.Option;

/** The --help option that every command has. */
class Help {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            order = 100,
            description = "Show this help.")
    boolean help;
}
