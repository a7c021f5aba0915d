package org.llminspector.engine;

/**
 * PartTime is how long one part of one pass took.
 *
 * @param layer null outside the blocks
 * @param ms milliseconds
 */
public record PartTime(Part part, Integer layer, double ms) {}
