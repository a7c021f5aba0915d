package org.llminspector.quant;

import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/**
 * 16-bit floats: each weight rounded to nearest, ties to even, without a scale.
 *
 * <p>A weight that rounds past FP16's 65,504 (BF16's 3.39e38) is refused. Sources: IEEE 754 binary16; bfloat16 is the
 * upper half of a float32.
 */
record HalfScheme(String name, DType dtype) implements QuantScheme {

    static final HalfScheme FP16 = new HalfScheme("fp16", DType.F16);
    static final HalfScheme BF16 = new HalfScheme("bf16", DType.BF16);

    @Override
    public String definition() {
        return "the nearest " + (dtype == DType.F16 ? "IEEE 754 binary16" : "bfloat16") + " number, ties to even";
    }

    @Override
    public int bits() {
        return 16;
    }

    @Override
    public int groupSize(int cols) {
        return 0;
    }

    @Override
    public long bytes(long rows, int cols) {
        return rows * cols * 2;
    }

    @Override
    public Quantizer over(Tensor weights, String where) {
        return new HalfQuantizer(this, weights, where);
    }
}
