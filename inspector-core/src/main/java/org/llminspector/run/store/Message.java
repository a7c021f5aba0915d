package org.llminspector.run.store;

/**
 * Message is one turn of a conversation.
 *
 * @param role {@code system}, {@code user}, {@code assistant}, or whatever else the model's chat template knows
 * @param content what is said
 */
public record Message(String role, String content) {}
