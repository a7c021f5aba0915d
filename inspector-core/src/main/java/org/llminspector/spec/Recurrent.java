package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.annotation.JsonTypeName;

/**
 * A linear recurrence instead of attention: each head keeps a matrix S [d_head, d_state], however long the text is. At
 * every position {@code S = decay * S + write k^T}, and {@code y = S q} is read.
 *
 * <p>The kinds differ in what decay, write, k and q are. Before it, a short convolution reads the last {@link #past}
 * positions of {@link #channels} values.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
public sealed interface Recurrent extends Mixer permits Mamba, Mamba2, DeltaNet, Lightning, RgLru {

    /** Its name in JSON. */
    default String kind() {
        return getClass().getAnnotation(JsonTypeName.class).value();
    }

    /** Heads of the state. */
    int nHeads();

    /** Values that a head writes at a position: the state's rows. */
    int dHead();

    /** Size of a key, and of what reads: the state's columns; 1 where a value is kept by itself. */
    int dState();

    /** Heads of keys and of what reads, each shared by nHeads / nKeyHeads heads; 0 where there are none. */
    int nKeyHeads();

    /** Positions read by the short convolution, the own one included; 1 for none. */
    int width();

    /** Values per position that the short convolution reads. */
    int channels();

    /** Positions that the short convolution keeps. */
    default int past() {
        return width() - 1;
    }

    /** Values of the state. */
    default long stateSize() {
        return (long) nHeads() * dHead() * dState();
    }
}
