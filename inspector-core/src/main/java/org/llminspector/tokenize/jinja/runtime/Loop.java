package org.llminspector.tokenize.jinja.runtime;

import java.util.List;

/** State of a {@code for} loop: the variable {@code loop}, and pending break or continue. */
public final class Loop {

    private final List<Object> items;
    private int index = -1;
    private boolean broken;
    private boolean continued;

    public Loop(List<Object> items) {
        this.items = items;
    }

    public boolean next() {
        continued = false;
        return !broken && ++index < items.size();
    }

    public Object item() {
        return items.get(index);
    }

    public void leave(boolean forGood) {
        broken |= forGood;
        continued = true;
    }

    boolean leaves() {
        return continued;
    }

    /** {@code loop.name}; undefined where there is none. */
    Object get(String name) {
        int length = items.size();
        return switch (name) {
            case "index" -> index + 1L;
            case "index0" -> (long) index;
            case "revindex" -> (long) (length - index);
            case "revindex0" -> (long) (length - index - 1);
            case "first" -> index == 0;
            case "last" -> index == length - 1;
            case "length" -> (long) length;
            case "depth" -> 1L; // only recursive loops increase it in Jinja2
            case "depth0" -> 0L;
            case "previtem" -> index > 0 ? items.get(index - 1) : null;
            case "nextitem" -> index < length - 1 ? items.get(index + 1) : null;
            default -> null;
        };
    }

    /** {@code loop.cycle(a, b)}. */
    Object cycle(List<Object> values) {
        if (values.isEmpty()) throw new JinjaError("no items for cycling given");
        return values.get(index % values.size());
    }
}
