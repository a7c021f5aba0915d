package org.llminspector.engine.exported;

/**
 * Place is where in an exported graph a hook's numbers are.
 *
 * @param value the graph's name for it
 * @param read how its numbers become the hook's
 * @param from the first head of them, in a value where heads of several kinds lie side by side
 */
record Place(String value, Read read, int from) {

    /** Read is what is done to a value to have the hook's. */
    enum Read {
        /** Nothing, but for a batch of one or heads that lie side by side. */
        AS_IS,
        /** [head, pos, d_head] becomes [pos, head, d_head]. */
        BY_HEAD,
        /** A mask's large negative numbers become -inf. */
        MASKED,
        /** A norm keeps one over what it divides by. */
        INVERSE,
        /** The heads from {@code from} on. */
        HEADS,
        /** This pass's part of a layer's keys or values so far, [kv_head, key, d_head]. */
        CACHE
    }

    Place(String value, Read read) {
        this(value, read, 0);
    }

    /** Null stays null. */
    static Place asIs(String value) {
        return value == null ? null : new Place(value, Read.AS_IS);
    }
}
