package org.llminspector.engine.layer;

import java.util.List;

/**
 * Rows of a mixture's positions, in one part or in several, sorted by the expert that they are sent to.
 *
 * <p>A slot is one of a position's choices of an expert; a row is one slot's. A part is [1, row, width].
 *
 * @param <V> a back end's value
 */
public interface Routes<V> {

    /** Each slot's copy of its position's [1, pos, d_model]. */
    List<V> sent(V x);

    /** Each row through its own expert's modules, parts of the outputs by module: {@code experts} ends with a dot. */
    List<List<V>> linears(List<V> rows, String experts, List<String> modules);

    /** Parts to [1, pos, slot, width]. */
    V bySlot(List<V> rows, int width);

    /** [1, pos, slot, width] to parts. */
    List<V> byExpert(V slots, int width);
}
