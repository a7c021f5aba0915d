package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A matrix and its transpose hold the same elements, whole bytes of them; what is lent is not read too long. */
class TensorTest {

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 200", "200, 3", "64, 64", "65, 127", "1, 129", "130, 1", "0, 5"})
    void transposedExchangesRowsAndColumns(int rows, int cols) {
        for (DType dtype : new DType[] {DType.I8, DType.F16, DType.F32, DType.F64}) {
            Tensor matrix = counted(dtype, rows, cols);
            Tensor turned = matrix.transposed();
            assertThat(turned.shape()).containsExactly(cols, rows);
            int size = dtype.bytes();
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < cols; c++) {
                    assertThat(turned.data().slice((c * rows + r) * size, size))
                            .as("%s [%d, %d]", dtype, r, c)
                            .isEqualTo(matrix.data().slice((r * cols + c) * size, size));
                }
            }
            assertThat(turned.transposed().data()).isEqualTo(matrix.data());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"I8", "F32"})
    void onlyAMatrixCanBeTransposed(DType dtype) {
        assertThatThrownBy(() -> counted(dtype, 2, 3, 4).transposed()).hasMessageContaining("only a matrix");
    }

    @Test
    void whatIsLentIsReadUntilItsLeaseEndsAndCopiesForEver() {
        Lease lease = new Lease("the values");
        Tensor lent = counted(DType.F32, 3, 4).lent(lease);
        Tensor copy = lent.slice(new int[] {1, 2}, new int[] {0, 4});
        Tensor turned = lent.transposed();
        List<Tensor> views = List.of(
                lent, lent.rows(0, 2), lent.reshaped(12), lent.upcast(), lent.slice(new int[] {0, 3}, new int[] {0, 4
                }));
        for (Tensor view : views) assertThat(view.get(1)).isEqualTo(lent.get(1));
        float[] read = copy.toFloats();
        lease.end();
        for (Tensor view : views) {
            assertThat(view.size()).isPositive();
            released(() -> view.get(0));
            released(view::toFloats);
            released(view::data);
            int[][] ranges = view.rank() == 1 ? new int[][] {{0, 1}} : new int[][] {{0, 1}, {0, 1}};
            released(() -> view.slice(ranges));
        }
        released(lent::transposed);
        assertThat(copy.toFloats()).isEqualTo(read);
        assertThat(turned.get(1)).isEqualTo(copy.get(0));
    }

    private static void released(ThrowingCallable read) {
        assertThatThrownBy(read).isInstanceOf(IllegalStateException.class).hasMessageContaining("were released");
    }

    /** Bytes that differ from their neighbours in every direction. */
    private static Tensor counted(DType dtype, long... shape) {
        byte[] bytes = new byte[Math.toIntExact(Tensor.elements(shape) * dtype.bytes())];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i * 31 + i / 251);
        return Tensor.of(dtype, ByteBuffer.wrap(bytes), shape);
    }
}
