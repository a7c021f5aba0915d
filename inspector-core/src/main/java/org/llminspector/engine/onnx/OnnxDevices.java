package org.llminspector.engine.onnx;

import org.llminspector.base.Problem;

/** OnnxDevices finds what ONNX Runtime can run on. */
public final class OnnxDevices {

    private OnnxDevices() {}

    /** The device that a request means; {@code auto} is the CPU. One that is not there is refused. */
    public static String resolve(String id) {
        if (id.equals("cpu") || id.equals("auto")) return "cpu";
        if (id.matches("cuda(:[0-9]{1,3})?")) {
            throw Problem.unsupported("this build of ONNX Runtime is for CPUs")
                    .where("device " + id)
                    .instead("use --device cpu or auto, or --engine torch for a GPU");
        }
        throw Problem.invalid("no such device")
                .where("device")
                .expected("auto, cpu or cuda:N")
                .found(id);
    }

    /** Threads of one operation: all cores unless {@code -Dinspector.onnx.threads} says otherwise. */
    static int threads() {
        return Integer.getInteger("inspector.onnx.threads", Runtime.getRuntime().availableProcessors());
    }
}
