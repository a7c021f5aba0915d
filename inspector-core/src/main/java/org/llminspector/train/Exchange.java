package org.llminspector.train;

/**
 * Exchange is what a user says and what an assistant should answer: one example for supervised fine-tuning.
 */
public record Exchange(String user, String assistant) {}
