package org.llminspector.engine.torch;

import ai.djl.util.Utils;
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

    private static String path() {
        return Utils.getEnvOrSystemProperty(PATH);
    }
}
