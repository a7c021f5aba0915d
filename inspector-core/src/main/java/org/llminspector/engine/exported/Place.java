package org.llminspector.engine.exported;

/**
 * Location of a hook's value in an exported graph.
 *
 * @param value the value's name in the graph
 * @param read conversion to the hook's value
 * @param from first head, in a value with queries, keys and values concatenated
 */
record Place(String value, Read read, int from) {

    /** Conversion of a graph's value to the hook's. */
    enum Read {
        /** None, apart from a missing batch axis or flat heads. */
        AS_IS,
        /** [head, pos, d_head] becomes [pos, head, d_head]. */
        BY_HEAD,
        /** A mask's large negative numbers become -inf. */
        MASKED,
        /** The value is the reciprocal of a norm's scale. */
        INVERSE,
        /** The heads from {@code from} on. */
        HEADS,
        /** This pass's positions of a layer's cached keys or values, [kv_head, key, d_head]. */
        CACHE
    }

    Place(String value, Read read) {
        this(value, read, 0);
    }

    /** An unconverted value; null for null. */
    static Place asIs(String value) {
        return value == null ? null : new Place(value, Read.AS_IS);
    }
}
