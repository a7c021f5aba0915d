package org.llminspector.engine;

/**
 * Duration of one part of one pass.
 *
 * @param layer null outside the blocks
 * @param ms milliseconds
 */
public record PartTime(Part part, Integer layer, double ms) {}
