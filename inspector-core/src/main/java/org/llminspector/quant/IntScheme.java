package org.llminspector.quant;

import org.llminspector.base.Tensor;

/**
 * Integer codes times a float32 scale, symmetric or asymmetric.
 *
 * <p>Symmetric: {@code scale = max|w| / (2^(bits-1) - 1)}, a float32 division; {@code code = round(w / scale)}, a
 * float32 division, ties to even, so codes are -127..127 (4 bits: -7..7, 2 bits: -1..1) and -128 (-8, -2) is not used;
 * {@code w' = scale * code} in float32. Source: Wu et al. 2020, arXiv 2004.09602, section 3.1.2 (scale quantization).
 *
 * <p>Asymmetric: {@code lo = min(w, 0)}, {@code hi = max(w, 0)}, {@code scale = (hi - lo) / (2^bits - 1)} computed in
 * float64 and rounded to float32; {@code zero = clamp(round(-lo / scale))}, {@code code = clamp(round(w / scale) +
 * zero)}, float32 divisions, ties to even, both clamped to 0..255 (0..15); {@code w' = scale * (code - zero)} in
 * float32. Source: ONNX, QuantizeLinear and DynamicQuantizeLinear.
 *
 * <p>The maximum is taken over the tensor, a row (one output channel), or {@code group} consecutive weights of a row; a
 * row's last group may be shorter. Weights above 2^127 are refused. A scale below 2^-126 (INT8: all weights under
 * 1.5e-36) becomes 0, with all codes and the zero point 0, which decode to 0. With any other scale, {@code |w - w'| <=
 * scale / 2} up to float32 rounding.
 *
 * @param bits 2 to 8
 * @param span the range of weights that share a scale
 * @param group weights per scale for {@link Span#GROUP}, else 0
 */
record IntScheme(int bits, Span span, int group, boolean symmetric) implements QuantScheme {

    enum Span {
        TENSOR,
        CHANNEL,
        GROUP
    }

    static IntScheme perTensor(int bits, boolean symmetric) {
        return new IntScheme(bits, Span.TENSOR, 0, symmetric);
    }

    static IntScheme perChannel(int bits, boolean symmetric) {
        return new IntScheme(bits, Span.CHANNEL, 0, symmetric);
    }

    static IntScheme perGroup(int bits, int group, boolean symmetric) {
        return new IntScheme(bits, Span.GROUP, group, symmetric);
    }

    /** The largest code; the smallest is its negative, or 0 when asymmetric. */
    int high() {
        return symmetric ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    }

    @Override
    public String name() {
        String shared =
                switch (span) {
                    case TENSOR -> "tensor";
                    case CHANNEL -> "channel";
                    case GROUP -> "g" + group;
                };
        return "int" + bits + "-" + shared + (symmetric ? "" : "-asym");
    }

    @Override
    public String definition() {
        String shared =
                switch (span) {
                    case TENSOR -> "the tensor";
                    case CHANNEL -> "a row (output channel)";
                    case GROUP -> group + " weights of a row";
                };
        String formula = symmetric
                ? "scale = max|w| / " + high() + ", code = round(w / scale) in -" + high() + ".." + high()
                        + ", w' = scale code"
                : "scale = (max(w, 0) - min(w, 0)) / " + high() + ", zero = round(-min(w, 0) / scale), code ="
                        + " round(w / scale) + zero in 0.." + high() + ", w' = scale (code - zero)";
        return formula + "; over " + shared + ", in float32, ties to even";
    }

    @Override
    public int groupSize(int cols) {
        return span == Span.GROUP ? group : cols;
    }

    @Override
    public boolean readsWhole() {
        return span == Span.TENSOR;
    }

    @Override
    public long bytes(long rows, int cols) {
        int perRow = span == Span.GROUP ? (cols + group - 1) / group : 1;
        long scales = span == Span.TENSOR ? 1 : rows * perRow;
        long zeros = symmetric ? 0 : span == Span.TENSOR ? 1 : rows * packed(perRow);
        return rows * packed(cols) + scales * Float.BYTES + zeros;
    }

    /** Bytes of n packed codes. */
    private long packed(int n) {
        return ((long) n * bits + 7) / 8;
    }

    @Override
    public Quantizer over(Tensor weights, String where) {
        return new IntQuantizer(this, weights, where);
    }
}
