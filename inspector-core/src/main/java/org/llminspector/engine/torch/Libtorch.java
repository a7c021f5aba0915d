package org.llminspector.engine.torch;

import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Utils;
import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Libtorch is the native library that DJL loads: this build's own, for CPUs, or the one in the folder that
 * PYTORCH_LIBRARY_PATH names, which may be for CUDA. DJL has to be told which of its bindings fits the latter.
 */
final class Libtorch {

    static final String PATH = "PYTORCH_LIBRARY_PATH";

    private static final int ERROR = 2;

    /**
     * GOMP_SPINCOUNT: turns of the loop in which a thread of OpenMP waits at a barrier before it sleeps. Its documentation has 300,000
     * where nothing is set, through which a thread waits for another that a busy neighbour keeps from its core.
     */
    private static final String SPIN = "20000";

    private static final String FLAVOR = "PYTORCH_FLAVOR";

    private Libtorch() {}

    /** Tells DJL, before it loads one. */
    static void prepare() {
        boundSpinning();
        if (path() == null || Utils.getEnvOrSystemProperty(FLAVOR) != null) return;
        System.setProperty(FLAVOR, forCuda() ? "cu128" : "cpu"); // as pytorch-jni names them
    }

    /** Sets GOMP_SPINCOUNT in this process, which libgomp reads once, as libtorch loads it. One that the user set stays. */
    private static void boundSpinning() {
        if (!Platform.isLinux() || System.getenv("OMP_WAIT_POLICY") != null) return;
        int overwrite = 0;
        Function.getFunction(Platform.C_LIBRARY_NAME, "setenv")
                .invokeInt(new Object[] {"GOMP_SPINCOUNT", SPIN, overwrite});
    }

    static boolean forCuda() {
        return path() != null
                && Arrays.stream(path().split(File.pathSeparator, -1))
                        .anyMatch(folder -> Files.exists(Path.of(folder, System.mapLibraryName("torch_cuda"))));
    }

    /**
     * Has it print errors only, once it is loaded: what it warns of is how DJL's binding calls it, nothing that a person
     * could do otherwise.
     */
    static void quiet() {
        try {
            Path c10 = Path.of(LibUtils.getLibtorchPath(), System.mapLibraryName("c10"));
            NativeLibrary.getInstance(c10.toString())
                    .getGlobalVariableAddress("FLAGS_caffe2_log_level")
                    .setInt(0, ERROR);
        } catch (UnsatisfiedLinkError e) {
            // A build that has no such level warns.
        }
    }

    private static String path() {
        return Utils.getEnvOrSystemProperty(PATH);
    }
}
