package org.llminspector.engine.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Bytes;
import org.llminspector.engine.onnx.graph.Type;

/** The C interface is there whatever a process asks of it first: a table of more than 1 GiB once ended the JVM. */
public class NativeOrtTest {

    /** A process whose first tensor is one of the C interface's. */
    static final class First {

        private First() {}

        public static void main(String[] args) {
            Bytes memory = Bytes.allocate(16);
            try (OnnxTensor tensor = NativeOrt.tensor(memory, Type.FLOAT, 2, 2)) {
                System.out.println(tensor.getInfo().getNumElements());
            }
            memory.free();
        }
    }

    @Test
    void aTensorIsTheFirstThingThatAProcessMakes() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:-CreateCoredumpOnCrash",
                        "-XX:ErrorFile=/dev/null",
                        "-cp",
                        System.getProperty("java.class.path"),
                        First.class.getName())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        assertThat(said).contains("4");
    }

    /** As it said of a graph whose Div has a zero: mutant -8179664631492565134 of GraphFuzzTest. */
    @Test
    void whatItSaysIsToldWithoutItsSource() {
        assertThat(Ort.message(
                        "Error code - ORT_FAIL - message: Exception during initialization: /onnxruntime_src/onnxruntime/core/"
                                + "providers/cpu/math/element_wise_ops.h:256 onnxruntime::Div<T>::Div(const onnxruntime::OpKernelInfo&)"
                                + " [with T = long int] b_data[i] != T{0} was false. Integer division by zero\nmore"))
                .isEqualTo("Error code - ORT_FAIL - message: b_data[i] != T{0} was false. Integer division by zero");
        assertThat(Ort.message("Node (x) Op (MatMul) [ShapeInferenceError] Incompatible dimensions"))
                .isEqualTo("Node (x) Op (MatMul) [ShapeInferenceError] Incompatible dimensions");
    }
}
