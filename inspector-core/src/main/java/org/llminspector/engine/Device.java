package org.llminspector.engine;

/**
 * A CPU or GPU of this machine, usable or not.
 *
 * @param id {@code cpu}, {@code cuda:0}
 * @param why what is missing when it is not available
 */
public record Device(String id, String name, boolean available, Long memoryBytes, Long freeBytes, String why) {}
