package org.llminspector.train.corpus;

/** A user's message and the assistant's answer. */
public record Exchange(String user, String assistant) {}
