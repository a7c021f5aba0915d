package org.llminspector.engine.onnx;

import com.sun.jna.Platform;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.NativeLibraries;

/** OrtLibrary keeps ONNX Runtime's native libraries, 28 MB, unpacked under the home. */
final class OrtLibrary {

    /** The binding's own property: the folder of its libraries. */
    private static final String PROPERTY = "onnxruntime.native.path";

    private static final String RESOURCES = "/ai/onnxruntime/native/";

    private OrtLibrary() {}

    /**
     * Tells the binding of libraries under {@code parent}, unpacked there if they are not yet. Where that cannot be done, and in
     * the CUDA build, whose providers have to lie beside what the binding unpacks, it is left to itself.
     */
    static void keep(Path parent) {
        if (System.getProperty(PROPERTY) != null) return;
        try {
            Path kept = unpacked(parent);
            if (kept != null) System.setProperty(PROPERTY, kept.toString());
        } catch (IOException | RuntimeException e) {
            // A read-only or a full disk: a temporary folder may do.
        }
    }

    /** The folder with this build's libraries; null where there are none to keep. */
    static Path unpacked(Path parent) throws IOException {
        String from = RESOURCES + platform() + "/";
        if (resource(from + System.mapLibraryName("onnxruntime_providers_cuda")) != null) return null;
        List<String> names = List.of(System.mapLibraryName("onnxruntime"), System.mapLibraryName("onnxruntime4j_jni"));
        return NativeLibraries.unpacked(parent, "onnxruntime-" + platform(), from, names);
    }

    private static URL resource(String name) {
        return OrtLibrary.class.getResource(name);
    }

    /** As the binding names it. */
    private static String platform() {
        String os = Platform.isWindows() ? "win" : Platform.isMac() ? "osx" : "linux";
        String arch = Platform.ARCH.equals("x86-64") ? "x64" : Platform.ARCH;
        return os + "-" + arch;
    }
}
