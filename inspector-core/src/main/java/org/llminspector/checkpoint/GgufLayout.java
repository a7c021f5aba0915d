package org.llminspector.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** GgufLayout undoes what llama.cpp's converter did to one tensor, so that it is again as Hugging Face has it. */
sealed interface GgufLayout {

    /** From the file's layout to Hugging Face's. */
    Tensor undo(Tensor t);

    /** Where the element at [row, column] of Hugging Face's matrix is in the file's: {row, column}. */
    default long[] inFile(long row, long column) {
        return new long[] {row, column};
    }

    /** Nothing was done. */
    record AsIs() implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            return t;
        }
    }

    /** Rows and columns were exchanged. */
    record Transposed() implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            return t.transposed();
        }

        @Override
        public long[] inFile(long row, long column) {
            return new long[] {column, row};
        }
    }

    /** 1 was added (Gemma's norms). The difference is exact: adding 1 again gives the file's number. */
    record PlusOne() implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            float[] values = t.toFloats();
            ByteBuffer out =
                    ByteBuffer.allocateDirect(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (float v : values) out.putFloat(v - 1);
            return Tensor.of(DType.F32, out.flip(), t.shape());
        }
    }

    /** Rows were moved; {@code rowInFile} says where Hugging Face's row went. */
    record Rows(IntUnaryOperator rowInFile) implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            Tensor moved = t.withRows(rowInFile);
            t.release();
            return moved;
        }

        @Override
        public long[] inFile(long row, long column) {
            return new long[] {rowInFile.applyAsInt(Math.toIntExact(row)), column};
        }
    }

    /** RoPE pairs (i, i + half) of each head were put side by side, (2 i, 2 i + 1): q and k of Llama. */
    static GgufLayout pairs(int dHead) {
        int half = dHead / 2;
        return new Rows(r -> {
            int i = r % dHead;
            return r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
        });
    }

    /** [head, (q, k, v), d_head] became [(q, k, v), head, d_head]: GPT-NeoX. */
    static GgufLayout byHead(int nHeads, int dHead) {
        return new Rows(r -> {
            int head = r / (3 * dHead);
            int part = r / dHead % 3;
            return (part * nHeads + head) * dHead + r % dHead;
        });
    }
}
