package org.llminspector.run.replay;

import java.util.List;

/**
 * Request for hooks that a finished run did not capture.
 *
 * @param capture hook names or globs; hooks that the run has are skipped
 * @param positions a slice of the positions that the run read ({@code -1}, {@code 3:7}), whose values are stored; null
 *     for all
 * @param maxBytes most bytes to store, null for the program's capture budget
 */
public record RecaptureRequest(List<String> capture, String positions, Long maxBytes) {}
