package org.llminspector.engine.torch.libtorch;

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
 * Settings of libtorch, the native library that DJL loads: this build's own, for CPUs, or the one in the folder
 * PYTORCH_LIBRARY_PATH, which may be for CUDA and then needs the matching DJL binding.
 */
public final class Libtorch {

    static final String PATH = "PYTORCH_LIBRARY_PATH";

    private static final int ERROR = 2;

    /**
     * GOMP_SPINCOUNT: iterations for which an OpenMP thread spins at a barrier before it sleeps. Its documented default
     * of 300,000 makes a thread spin long when another process keeps the thread that it waits for off its core.
     */
    private static final String SPIN = "20000";

    private static final String FLAVOR = "PYTORCH_FLAVOR";

    private Libtorch() {}

    /** Selects DJL's binding; called before it loads the library. */
    static void prepare() {
        boundSpinning();
        if (path() == null || Utils.getEnvOrSystemProperty(FLAVOR) != null) return;
        System.setProperty(FLAVOR, forCuda() ? "cu128" : "cpu"); // as pytorch-jni names them
    }

    /**
     * Sets GOMP_SPINCOUNT in this process's environment, which libgomp reads once, when libtorch loads it. A user's
     * setting stays.
     */
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

    /** Limits its log to errors, once it is loaded: its warnings concern DJL's calls, which the user cannot change. */
    static void quiet() {
        try {
            Path c10 = Path.of(LibUtils.getLibtorchPath(), System.mapLibraryName("c10"));
            NativeLibrary.getInstance(c10.toString())
                    .getGlobalVariableAddress("FLAGS_caffe2_log_level")
                    .setInt(0, ERROR);
        } catch (UnsatisfiedLinkError e) {
            // A build without this flag keeps warning.
        }
    }

    private static String path() {
        return Utils.getEnvOrSystemProperty(PATH);
    }
}
