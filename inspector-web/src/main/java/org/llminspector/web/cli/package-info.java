/**
 * Cli is the command line: one class a command, picocli does the parsing.
 *
 * <p>Results go to standard output, everything else to standard error. A command runs on the main thread.
 */
package org.llminspector.web.cli;
