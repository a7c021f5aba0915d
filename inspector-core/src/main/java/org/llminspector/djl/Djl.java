package org.llminspector.djl;

import ai.djl.util.cuda.CudaUtils;
import java.util.List;

/**
 * Settings of the Deep Java Library, made before any other of its classes loads: no telemetry, no downloads, no CUDA
 * detection.
 */
public final class Djl {

    static {
        for (String property : List.of("OPT_OUT_TRACKING", "ai.djl.offline")) {
            if (System.getProperty(property) == null) System.setProperty(property, "true");
        }
        hideCuda();
    }

    private Djl() {}

    /** Applies the settings; only the first call has an effect. */
    public static void prepare() {}

    /**
     * Makes DJL's one-time search for libcudart find none. Otherwise it ignores libtorch for CPUs, must download that
     * for CUDA, and unpacks its tokenizers into another folder, after which a run without a GPU fails.
     */
    private static void hideCuda() {
        String elsewhere = "ai.djl.util.cuda.fork"; // has another process search, so that this one loads nothing
        System.setProperty(elsewhere, "true");
        try {
            Class.forName(CudaUtils.class.getName());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        } finally {
            System.clearProperty(elsewhere);
        }
    }
}
