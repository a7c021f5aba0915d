package org.llminspector.run.request;

/**
 * Start of a run from another run's first tokens, optionally followed by a different token.
 *
 * @param run the parent run's id
 * @param position number of its tokens to keep; negative counts from the end, null keeps all
 * @param token the next token, or null to sample it
 * @param generatedFrom index of the first generated token, from which penalties count; filled in
 */
public record Branch(String run, Integer position, Integer token, Integer generatedFrom) {}
