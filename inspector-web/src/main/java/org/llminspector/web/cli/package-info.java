/**
 * The command line: one class per command; picocli parses.
 *
 * <p>Results go to standard output, everything else to standard error. A command runs on the main thread.
 */
package org.llminspector.web.cli;
