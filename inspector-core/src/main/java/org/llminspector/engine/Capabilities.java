package org.llminspector.engine;

import java.util.List;

/**
 * What an engine supports on this machine; for what it does not support, the reason and an alternative.
 *
 * @param id {@code torch}, {@code onnx}
 * @param version of the native library, or null when the engine is not available
 * @param devices devices it can run on, and for unavailable ones the reason
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

    /** @param arithmetic which parts are computed in which number format, in words */
    public record PrecisionSupport(Precision id, boolean available, String arithmetic, String why, String instead) {

        public static PrecisionSupport of(Precision id, String arithmetic) {
            return new PrecisionSupport(id, true, arithmetic, null, null);
        }

        public static PrecisionSupport none(Precision id, String why, String instead) {
            return new PrecisionSupport(id, false, null, why, instead);
        }
    }
}
