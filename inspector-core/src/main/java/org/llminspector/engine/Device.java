package org.llminspector.engine;

/**
 * Device is something that a model could run on.
 *
 * @param id {@code cpu}, {@code cuda:0}
 * @param why what is missing when it is not available
 */
public record Device(String id, String name, boolean available, Long memoryBytes, Long freeBytes, String why) {}
