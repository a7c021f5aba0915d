package org.llminspector.engine;

import org.llminspector.base.DType;

/** KvFormat is a number format that keys, or values, are kept in between two tokens. */
public enum KvFormat {
    FP32(DType.F32),
    FP16(DType.F16),
    /**
     * Codes of -127 to 127, and one float32 scale a position and head: its largest magnitude / 127. Symmetric, and along
     * the token, so that a token is coded once, as it comes.
     */
    INT8(DType.I8);

    private final DType dtype;

    KvFormat(DType dtype) {
        this.dtype = dtype;
    }

    /** Of one element. */
    public DType dtype() {
        return dtype;
    }

    /** Bytes of one head's vector at one position, its scale with it. */
    public long bytes(int dHead) {
        return (long) dHead * dtype.bytes() + (this == INT8 ? Float.BYTES : 0);
    }
}
