package org.llminspector.engine;

import org.llminspector.base.Problem;

/**
 * A CPU or GPU of this machine, usable or not.
 *
 * @param id {@code cpu}, {@code cuda:0}
 * @param why what is missing when it is not available
 */
public record Device(String id, String name, boolean available, Long memoryBytes, Long freeBytes, String why) {

    /** Number of the GPU that a request names, {@code cuda} or {@code cuda:N}; another name is refused. */
    public static int gpu(String id) {
        if (id.matches("cuda(:[0-9]{1,3})?")) return id.length() > 5 ? Integer.parseInt(id.substring(5)) : 0;
        throw Problem.invalid("no such device")
                .where("device")
                .expected("auto, cpu or cuda:N")
                .found(id);
    }
}
