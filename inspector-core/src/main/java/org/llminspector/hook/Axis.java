package org.llminspector.hook;

/** Axis is what one dimension of a hooked value counts. */
public enum Axis {
    BATCH,
    POS,
    HEAD,
    D_HEAD,
    D_MODEL,
    D_MLP,
    /** The vector that a token's keys and values, or its queries, are made of. */
    D_LATENT,
    QUERY,
    KEY,
    VOCAB,
    /** The experts of a mixture. */
    EXPERT,
    /** The experts that a token was sent to, the best score first. */
    SLOT,
    ONE;

    /** Whether it counts the positions that a pass reads: it then begins where the passes before ended. */
    public boolean reads() {
        return this == POS || this == QUERY;
    }

    /** Whether it grows with the sequence: what the run fixes, not the model. */
    public boolean grows() {
        return reads() || this == KEY;
    }

    /** The name in JSON and in query parameters. */
    public String label() {
        return this == ONE ? "1" : name().toLowerCase(java.util.Locale.ROOT);
    }
}
