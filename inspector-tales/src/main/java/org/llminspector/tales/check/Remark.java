package org.llminspector.tales.check;

/** One fault and its sentence. */
public record Remark(Fault fault, String sentence) {}
