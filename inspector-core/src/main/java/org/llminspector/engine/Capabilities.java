package org.llminspector.engine;

import java.util.List;

/**
 * Capabilities say what an engine can do here, and for what it cannot: why, and what to do instead.
 *
 * @param id {@code torch}, {@code onnx}
 * @param version of the native library, or null when the engine is not available
 * @param devices what it can run on, with the reason where not
 */
public record Capabilities(
        String id,
        String version,
        boolean available,
        List<Device> devices,
        List<PrecisionSupport> precisions,
        String why,
        String instead) {

    public Capabilities {
        devices = List.copyOf(devices);
        precisions = List.copyOf(precisions);
    }

    /**
     * @param arithmetic what is computed in which format, in words
     */
    public record PrecisionSupport(Precision id, boolean available, String arithmetic, String why, String instead) {}
}
