package org.llminspector.engine.cache;

import org.llminspector.base.DType;

/** Number format of the keys or the values in a KV cache. */
public enum KvFormat {
    FP32(DType.F32),
    FP16(DType.F16),
    /**
     * Codes from -127 to 127 and one float32 scale per position and head: the vector's largest magnitude / 127.
     * Symmetric, and scaled per position, so that each position is coded once, when it is appended.
     */
    INT8(DType.I8);

    /** Smallest scale of codes, so that a vector of zeros has zeros for codes. */
    public static final float LEAST_SCALE = 1e-30f;

    private final DType dtype;

    KvFormat(DType dtype) {
        this.dtype = dtype;
    }

    /** Type of one element. */
    public DType dtype() {
        return dtype;
    }

    /** Bytes of one head's vector at one position, including its scale. */
    public long bytes(int dHead) {
        return (long) dHead * dtype.bytes() + (this == INT8 ? Float.BYTES : 0);
    }
}
