package org.llminspector.hook;

/** Axis is what one dimension of a hooked value counts. */
public enum Axis {
    BATCH,
    POS,
    HEAD,
    D_HEAD,
    D_MODEL,
    D_MLP,
    QUERY,
    KEY,
    VOCAB,
    ONE;

    /** The name in JSON and in query parameters. */
    public String label() {
        return this == ONE ? "1" : name().toLowerCase(java.util.Locale.ROOT);
    }
}
