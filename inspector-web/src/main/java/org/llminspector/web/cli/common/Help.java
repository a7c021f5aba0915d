package org.llminspector.web.cli.common;

import picocli.CommandLine.Option;

/** The --help option that every command has. */
public class Help {

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            order = 100,
            description = "Show this help.")
    boolean help;
}
