package org.llminspector.quant;

import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Exact count of distinct float32 values: a bitmap of all 2^32, in lazily allocated pages.
 *
 * <p>Weights have few exponents and so need few pages: some MiB for a whole model, 512 MiB for all floats.
 */
final class UniqueFloats {

    private final AtomicReferenceArray<AtomicLongArray> pages = new AtomicReferenceArray<>(1 << 16);

    /** 0 and -0 count as one value. Thread-safe. */
    void add(float value) {
        int bits = value == 0 ? 0 : Float.floatToRawIntBits(value);
        int number = bits >>> 16;
        AtomicLongArray page = pages.get(number);
        if (page == null) {
            pages.compareAndSet(number, null, new AtomicLongArray(1 << 10));
            page = pages.get(number);
        }
        int word = (bits & 0xFFFF) >>> 6;
        long bit = 1L << (bits & 63);
        if ((page.get(word) & bit) == 0) page.accumulateAndGet(word, bit, (a, b) -> a | b);
    }

    long count() {
        long n = 0;
        for (int p = 0; p < pages.length(); p++) {
            AtomicLongArray page = pages.get(p);
            if (page == null) continue;
            for (int w = 0; w < page.length(); w++) n += Long.bitCount(page.get(w));
        }
        return n;
    }
}
