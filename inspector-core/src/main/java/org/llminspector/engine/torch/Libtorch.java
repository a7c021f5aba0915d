package org.llminspector.engine.torch;

import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Utils;
import com.sun.jna.NativeLibrary;
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

    private static final String FLAVOR = "PYTORCH_FLAVOR";

    private Libtorch() {}

    /** Tells DJL, before it loads one. */
    static void prepare() {
        if (path() == null || Utils.getEnvOrSystemProperty(FLAVOR) != null) return;
        System.setProperty(FLAVOR, forCuda() ? "cu128" : "cpu"); // as pytorch-jni names them
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
