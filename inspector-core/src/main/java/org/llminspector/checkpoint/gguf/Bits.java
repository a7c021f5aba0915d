package org.llminspector.checkpoint.gguf;

import org.llminspector.base.HalfFloats;

/** Little-endian reads from byte arrays. */
final class Bits {

    private Bits() {}

    static float f16(byte[] b, int at) {
        return HalfFloats.fromF16((short) ((b[at] & 0xFF) | b[at + 1] << 8));
    }

    static int i32(byte[] b, int at) {
        return (b[at] & 0xFF) | (b[at + 1] & 0xFF) << 8 | (b[at + 2] & 0xFF) << 16 | b[at + 3] << 24;
    }
}
