package org.llminspector.train;

/** Preference is two answers to the same words, of which one is better: one example for preference tuning. */
public record Preference(String user, String better, String worse) {}
