package org.llminspector.train;

/**
 * Exchange is one turn of a conversation: what a user says and what an assistant should answer.
 */
public record Exchange(String user, String assistant) {}
