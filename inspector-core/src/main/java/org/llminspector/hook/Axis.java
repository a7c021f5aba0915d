package org.llminspector.hook;

/** Meaning of a hooked value's dimension. */
public enum Axis {
    BATCH,
    POS,
    HEAD,
    D_HEAD,
    D_MODEL,
    D_MLP,
    /** Columns of a recurrence's state. */
    D_STATE,
    /** The latent vector of a token's keys and values, or of its queries. */
    D_LATENT,
    /** A token's own input to a layer. */
    D_PLE,
    /** The forms of the residual stream (AltUp). */
    FORM,
    QUERY,
    KEY,
    VOCAB,
    /** The experts of a mixture. */
    EXPERT,
    /** The experts that a token is routed to, best score first. */
    SLOT,
    ONE;

    /** Whether it counts the positions of a pass, which begin where the pass before ended. */
    public boolean reads() {
        return this == POS || this == QUERY;
    }

    /** Whether it counts the coordinates of a vector. */
    public boolean coordinates() {
        return switch (this) {
            case D_HEAD, D_MODEL, D_MLP, D_STATE, D_LATENT, D_PLE, VOCAB -> true;
            default -> false;
        };
    }

    /** Whether its size depends on the sequence, not on the model. */
    public boolean grows() {
        return reads() || this == KEY;
    }

    /** The name in JSON and in query parameters. */
    public String label() {
        return this == ONE ? "1" : name().toLowerCase(java.util.Locale.ROOT);
    }
}
