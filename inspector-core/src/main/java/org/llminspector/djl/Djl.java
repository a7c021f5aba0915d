package org.llminspector.djl;

import ai.djl.util.cuda.CudaUtils;
import java.util.List;

/** Djl is what DJL must be told before any other of its classes loads: no call home, no downloads, no CUDA of its own. */
public final class Djl {

    static {
        for (String property : List.of("OPT_OUT_TRACKING", "ai.djl.offline")) {
            if (System.getProperty(property) == null) System.setProperty(property, "true");
        }
        hideCuda();
    }

    private Djl() {}

    /** Tells it; every use but the first does nothing. */
    public static void prepare() {}

    /**
     * Has DJL find no libcudart, for which it looks once. With one it leaves libtorch for CPUs aside, whose counterpart for
     * CUDA it must then download, and unpacks its tokenizers into another folder, after which a run without a GPU fails.
     */
    private static void hideCuda() {
        String elsewhere = "ai.djl.util.cuda.fork"; // another process is to look: then this one loads nothing
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
