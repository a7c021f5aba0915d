package org.llminspector.train.corpus;

/** Two answers to the same message, one better: an example for preference tuning. */
public record Preference(String user, String better, String worse) {}
