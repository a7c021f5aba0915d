package org.llminspector.run.request;

/**
 * One message of a conversation.
 *
 * @param role {@code system}, {@code user}, {@code assistant}, or another one that the model's chat template supports
 * @param content its text
 */
public record Message(String role, String content) {}
