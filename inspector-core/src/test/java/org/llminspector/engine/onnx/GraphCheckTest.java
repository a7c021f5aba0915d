package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.engine.onnx.graph.Proto;
import org.llminspector.engine.onnx.graph.Type;

/** What no graph may be is found before ONNX Runtime sees it: each of these once ended or filled the process. */
class GraphCheckTest {

    @TempDir
    Path temp;

    private Proto graph = new Proto().message(11, new Proto().text(1, "x"));

    private GraphCheckTest node(String op, List<String> in, List<String> out) {
        Proto node = new Proto();
        in.forEach(i -> node.text(1, i));
        out.forEach(o -> node.text(2, o));
        graph = graph.message(1, node.text(3, "the_" + op).text(4, op));
        return this;
    }

    /** A vector of whole numbers. */
    private GraphCheckTest ints(String name, long... values) {
        ByteBuffer data = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long v : values) data.putLong(v);
        Proto tensor = new Proto().numbers(1, values.length).number(2, Type.INT64.number);
        graph = graph.message(5, tensor.text(8, name).bytes(9, data.array()));
        return this;
    }

    private OnnxFile open(String output) {
        graph = graph.message(12, new Proto().text(1, output));
        Path file = temp.resolve("model.onnx");
        try {
            Files.write(file, new Proto().number(1, 10).message(7, graph).toBytes());
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return OnnxFile.open(file);
    }

    private void refused(String output, String what, String found) {
        assertThatThrownBy(() -> open(output))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(what)
                .hasMessageContaining(found)
                .hasMessageContaining("model.onnx");
    }

    @Test
    void whatIsInAnotherOrderThanItRunsOpens() {
        node("Neg", List.of("a"), List.of("b")).node("Abs", List.of("x"), List.of("a"));
        node("Clip", List.of("b", "", ""), List.of("y")); // inputs that are left out
        assertThat(open("y").nodes()).hasSize(3);
    }

    @Test
    void aValueThatNothingMakes() {
        node("Neg", List.of("other"), List.of("y")).refused("y", "a value that nothing makes", "other");
    }

    @Test
    void anOutputThatNothingMakes() {
        node("Neg", List.of("x"), List.of("y")).refused("z", "an output is a value that nothing makes", "z");
    }

    @Test
    void aValueThatIsMadeTwice() {
        node("Neg", List.of("x"), List.of("y")).node("Abs", List.of("x"), List.of("y"));
        refused("y", "a value is made twice", "y");
    }

    @Test
    void aWeightThatIsMadeAgain() {
        ints("w", 1).node("Neg", List.of("x"), List.of("w")).refused("w", "a value is made twice", "w");
    }

    @Test
    void operationsInACircle() {
        node("Add", List.of("x", "b"), List.of("a")).node("Neg", List.of("a"), List.of("b"));
        refused("b", "in a circle", "a");
    }

    @Test
    void whatRepeatsItself() {
        node("Loop", List.of("x"), List.of("y")).refused("y", "no exported decoder needs", "the_Loop");
    }

    @Test
    void shapesLargerThanAnyModel() {
        ints("shape", 1 << 20, 1 << 20).node("Expand", List.of("x", "shape"), List.of("y"));
        refused("y", "larger than any model needs", "the_Expand");
    }

    @Test
    void rangesLongerThanAnyModel() {
        ints("from", 0).ints("to", Long.MAX_VALUE).ints("step", 1);
        node("Range", List.of("from", "to", "step"), List.of("y")).refused("y", "larger than any model", "the_Range");
    }

    @Test
    void anOrdinaryShape() {
        ints("shape", 1, -1, 64).node("Reshape", List.of("x", "shape"), List.of("y"));
        assertThat(open("y").nodes()).hasSize(1);
    }
}
