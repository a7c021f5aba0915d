package org.llminspector.run;

import java.util.List;

/** HookDescription is one row of GET /models/{slug}/hooks: shape is a formula such as ["batch","pos",4,16]; layers lists where it exists. */
public record HookDescription(
        String name,
        List<String> axes,
        List<Object> shape,
        String doc,
        boolean available,
        List<Integer> layers,
        String why,
        String instead) {}
