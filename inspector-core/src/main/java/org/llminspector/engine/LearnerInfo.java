package org.llminspector.engine;

/**
 * Device, instruction set and threads of a learner; with others its losses round differently.
 *
 * @param device {@code cpu}, {@code cuda:0}
 * @param instructions {@code avx2} where the native libraries are restricted to its kernels; null where they choose by
 *     the hardware
 * @param threads used by one operation
 */
public record LearnerInfo(String device, String instructions, int threads) {

    public static final String AVX2 = "avx2";
}
