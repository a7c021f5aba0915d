package org.llminspector.run;

import java.util.List;

/**
 * RecaptureRequest asks for what a finished run did not capture.
 *
 * @param capture hook names or globs; what the run has of them is not read again
 * @param positions a slice of the positions that the run read ({@code -1}, {@code 3:7}), whose values are kept; null for all
 * @param maxBytes most bytes to keep, null for the program's capture budget
 */
public record RecaptureRequest(List<String> capture, String positions, Long maxBytes) {}
