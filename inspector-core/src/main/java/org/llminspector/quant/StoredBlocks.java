package org.llminspector.quant;

import java.util.Locale;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgmlType;

/**
 * Block format of a GGUF file's weight; read-only.
 *
 * <p>{@code w = scale * code + min} in float32, rounded after the product and after the sum. Source: ggml-quants.c. The
 * original weight is not in the file, so its error is unknown.
 */
record StoredBlocks(GgmlType type) implements QuantScheme {

    @Override
    public String name() {
        return type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String definition() {
        return "as the GGUF file has it: w = scale code" + (type.hasMin() ? " + min" : "") + ", a scale over "
                + type.groupSize() + " weights of a row, in blocks of " + type.blockSize() + " weights and "
                + type.blockBytes() + " bytes";
    }

    /** The digit in the format's name. */
    @Override
    public int bits() {
        return Integer.parseInt(type.name().replaceFirst("\\D*(\\d).*", "$1"));
    }

    @Override
    public int groupSize(int cols) {
        return type.groupSize();
    }

    @Override
    public boolean quantizes() {
        return false;
    }

    @Override
    public long bytes(long rows, int cols) {
        return rows * (cols / type.blockSize()) * type.blockBytes();
    }

    @Override
    public Quantizer over(Tensor weights, String where) {
        throw Problem.unsupported("this format is read from files and not made here")
                .where(where)
                .expected("one of the schemes that quantize")
                .found(name());
    }
}
