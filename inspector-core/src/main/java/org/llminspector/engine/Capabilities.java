package org.llminspector.engine;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.llminspector.base.Problem;

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

    /**
     * Of an engine that is available.
     *
     * @param support what it does in each precision
     */
    public static Capabilities of(
            String id, String version, List<Device> devices, Function<Precision, PrecisionSupport> support) {
        List<PrecisionSupport> precisions =
                Arrays.stream(Precision.values()).map(support).toList();
        return new Capabilities(id, version, true, devices, precisions, null, null);
    }

    /** @param arithmetic which parts are computed in which number format, in words */
    public record PrecisionSupport(Precision id, boolean available, String arithmetic, String why, String instead) {

        public static PrecisionSupport of(Precision id, String arithmetic) {
            return new PrecisionSupport(id, true, arithmetic, null, null);
        }

        public static PrecisionSupport none(Precision id, String why, String instead) {
            return new PrecisionSupport(id, false, null, why, instead);
        }

        /** The refusal to open a model in this precision, which is not available. */
        public Problem refused(String engine, String expected) {
            return Problem.unsupported("the " + engine + " engine has no " + id.label() + " arithmetic")
                    .where("precision")
                    .expected(expected)
                    .found(id.label() + ": " + why)
                    .instead(instead);
        }
    }
}
