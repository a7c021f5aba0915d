package org.llminspector.quant;

import java.util.List;
import org.llminspector.base.Tensor;

/**
 * Quantization scheme of weights, with bit-exact arithmetic.
 *
 * <p>A weight is a matrix [rows, cols], a Linear's [out, in], so that weights with a common scale contribute to the
 * same output. A vector is one row; leading axes are merged into rows. NaN and infinities are refused.
 */
public sealed interface QuantScheme permits HalfScheme, IntScheme, NormalFloat, StoredBlocks {

    /** Its name in requests: {@code int8-channel}, {@code int4-g32-asym}, {@code nf4}. */
    String name();

    /** Its exact arithmetic, in one sentence. */
    String definition();

    /** Bits of one code. */
    int bits();

    /** Weights per scale in a row of this many columns; 0 when there is no scale. */
    int groupSize(int cols);

    /** Whether a row's scale depends on all rows. */
    default boolean readsWhole() {
        return false;
    }

    /** Whether it can quantize; GGUF block formats are only read. */
    default boolean quantizes() {
        return true;
    }

    /** Bytes of a matrix: codes packed per row, scales and zero points. */
    long bytes(long rows, int cols);

    /**
     * A quantizer of one weight, for some rows at a time.
     *
     * @param weights in any float format; read lazily, unless the scale depends on all rows
     * @param its origin, for messages: {@code tensor model.norm.weight}
     */
    Quantizer over(Tensor weights, String where);

    /** Quantizes the whole weight. */
    default QuantizedTensor quantize(Tensor weights, String where) {
        Quantizer quantizer = over(weights, where);
        return quantizer.rows(0, quantizer.rows());
    }

    /**
     * The scheme of this name: {@code int8} is int8-channel, {@code int2} to {@code int7} are in groups of 32; an
     * unknown one throws a Problem.
     */
    static QuantScheme of(String name) {
        return Schemes.parse(name);
    }

    /** The schemes of overview tables; {@link #of} accepts more. */
    static List<QuantScheme> standard() {
        return Schemes.STANDARD;
    }
}
