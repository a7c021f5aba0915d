package org.llminspector.quant;

import java.util.List;
import org.llminspector.base.Tensor;

/**
 * QuantScheme is one way to write a weight in fewer bits; what it does is defined to the last bit.
 *
 * <p>A weight is seen as a matrix [rows, cols]: a Linear's [out, in], so that the weights which share a scale are summed
 * by one output. A vector is one row; leading axes are rows. NaN and infinities are refused.
 */
public sealed interface QuantScheme permits HalfScheme, IntScheme, NormalFloat, StoredBlocks {

    /** Its name in requests: {@code int8-channel}, {@code int4-g32-asym}, {@code nf4}. */
    String name();

    /** What it does to a weight, exactly, in one sentence. */
    String definition();

    /** Bits of one code. */
    int bits();

    /** Weights of a row, of this many columns, that share a scale; 0 when there is no scale. */
    int groupSize(int cols);

    /** Whether the scale of one row depends on all the others. */
    default boolean readsWhole() {
        return false;
    }

    /** Whether it makes codes; a file's own blocks are only read. */
    default boolean quantizes() {
        return true;
    }

    /** Bytes that a matrix takes: packed codes, row by row, and what is kept beside them. */
    long bytes(long rows, int cols);

    /**
     * The scheme over one weight, to be read some rows at a time.
     *
     * @param weights any float format; only read, when rows are asked for or the scale depends on all of it
     * @param where it comes from, for messages: {@code tensor model.norm.weight}
     */
    Quantizer over(Tensor weights, String where);

    /** The whole weight. */
    default QuantizedTensor quantize(Tensor weights, String where) {
        Quantizer quantizer = over(weights, where);
        return quantizer.rows(0, quantizer.rows());
    }

    /** The scheme of this name: {@code int8} is int8-channel, {@code int2} to {@code int7} are in groups of 32; an unknown one is a Problem. */
    static QuantScheme of(String name) {
        return Schemes.parse(name);
    }

    /** Every scheme that is worth a row in a table; {@link #of} reads more. */
    static List<QuantScheme> standard() {
        return Schemes.STANDARD;
    }
}
