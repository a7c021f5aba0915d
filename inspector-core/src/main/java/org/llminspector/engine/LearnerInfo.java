package org.llminspector.engine;

/**
 * LearnerInfo says what computes a learner's losses: others round otherwise.
 *
 * @param device {@code cpu}, {@code cuda:0}
 * @param instructions {@code avx2} where the native libraries are held to its kernels; null where they choose theirs by
 *     the hardware
 * @param threads used by one operation
 */
public record LearnerInfo(String device, String instructions, int threads) {

    public static final String AVX2 = "avx2";
}
