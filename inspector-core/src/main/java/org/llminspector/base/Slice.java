package org.llminspector.base;

/**
 * Slice of one axis in NumPy's notation: {@code 3}, {@code -1}, {@code 2:5}, {@code :4}, {@code -8:}.
 *
 * @param start first index, or null for the axis' start; negative counts from the end
 * @param stop one past the last index, or null for the axis' end; negative counts from the end
 * @param single whether this is one index (the axis stays, with size 1)
 */
public record Slice(Integer start, Integer stop, boolean single) {

    public static final Slice ALL = new Slice(null, null, false);

    public static Slice at(int index) {
        return new Slice(index, null, true);
    }

    public static Slice range(int start, int stop) {
        return new Slice(start, stop, false);
    }

    /** Parses a slice; {@code name} is the parameter's name, for the error. */
    public static Slice parse(String text, String name) {
        try {
            int colon = text.indexOf(':');
            if (colon < 0) return at(Integer.parseInt(text.trim()));
            String from = text.substring(0, colon).trim();
            String to = text.substring(colon + 1).trim();
            return new Slice(
                    from.isEmpty() ? null : Integer.valueOf(from), to.isEmpty() ? null : Integer.valueOf(to), false);
        } catch (NumberFormatException e) {
            throw Problem.invalid("not a slice")
                    .where(name)
                    .expected("an index (3, -1) or a range (2:5, :4, -8:)")
                    .found('"' + text + '"');
        }
    }

    /** The concrete [start, stop) on an axis of the given size; out-of-range indices and empty ranges are refused. */
    public int[] on(long size, String axis) {
        long from = start == null ? 0 : start < 0 ? start + size : start;
        long to = single ? from + 1 : stop == null ? size : stop < 0 ? stop + size : stop;
        if (from < 0 || to > size || from >= to) {
            throw Problem.invalid("the slice is outside the axis")
                    .where(axis)
                    .expected("indices within 0:" + size)
                    .found(this);
        }
        return new int[] {(int) from, (int) to};
    }

    @Override
    public String toString() {
        return single ? String.valueOf(start) : (start == null ? "" : start) + ":" + (stop == null ? "" : stop);
    }
}
