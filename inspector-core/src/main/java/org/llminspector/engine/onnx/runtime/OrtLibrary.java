package org.llminspector.engine.onnx.runtime;

import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.platform.NativeLibraries;

/** Unpacked copy of ONNX Runtime's native libraries (28 MB) under the home folder. */
public final class OrtLibrary {

    /** The Java binding's system property for the folder of its libraries. */
    private static final String PROPERTY = "onnxruntime.native.path";

    private static final String RESOURCES = "/ai/onnxruntime/native/";

    private OrtLibrary() {}

    /**
     * Points the binding to the libraries under {@code parent}, unpacking them there first if needed. If that fails,
     * and in the CUDA build, whose providers must be in the folder that the binding unpacks to, the binding unpacks
     * them itself.
     */
    static void keep(Path parent) {
        if (System.getProperty(PROPERTY) != null) return;
        try {
            Path kept = unpacked(parent);
            if (kept != null) System.setProperty(PROPERTY, kept.toString());
        } catch (IOException | RuntimeException e) {
            // A read-only or full disk: the binding uses a temporary folder.
        }
    }

    /** The folder with this build's libraries; null for the CUDA build. */
    static Path unpacked(Path parent) throws IOException {
        String from = RESOURCES + platform() + "/";
        String cuda = from + System.mapLibraryName("onnxruntime_providers_cuda");
        if (OrtLibrary.class.getResource(cuda) != null) return null;
        List<String> names = List.of(System.mapLibraryName("onnxruntime"), System.mapLibraryName("onnxruntime4j_jni"));
        return NativeLibraries.unpacked(parent, "onnxruntime-" + platform(), from, names);
    }

    /** The platform's name in the binding. */
    private static String platform() {
        String os = Platform.isWindows() ? "win" : Platform.isMac() ? "osx" : "linux";
        String arch = Platform.ARCH.equals("x86-64") ? "x64" : Platform.ARCH;
        return os + "-" + arch;
    }
}
