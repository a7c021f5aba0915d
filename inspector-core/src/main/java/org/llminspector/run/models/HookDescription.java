package org.llminspector.run.models;

import java.util.List;

/**
 * One row of GET /models/{slug}/hooks. {@code shape} is symbolic, such as ["batch","pos",4,16]; {@code layers} lists
 * where the hook exists.
 */
public record HookDescription(
        String name,
        List<String> axes,
        List<Object> shape,
        String doc,
        boolean available,
        List<Integer> layers,
        String why,
        String instead) {}
