package org.llminspector.corpus;

import java.util.List;

/**
 * A line of an evaluation: a context, and texts that may follow it.
 *
 * @param id its own, or its file and line
 * @param context may be empty
 * @param choices one continuation, or at least two of which one is right; none is empty
 * @param answer index of the right choice; null for a line with one continuation
 * @param delimiter put between the context and each choice, and no part of a choice's length: {@code target_delimiter} of
 *     lm-evaluation-harness; empty unless the line has one
 */
public record Task(String id, String context, List<String> choices, Integer answer, String delimiter) {

    public Task {
        choices = List.copyOf(choices);
    }

    /** What is scored of a choice. */
    public String continuation(int choice) {
        return delimiter + choices.get(choice);
    }
}
