package org.llminspector.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import org.llminspector.base.Bytes;
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

    /**
     * Rows and columns were exchanged: of the whole, or of each of {@code parts} matrices that lie one under the other.
     *
     * @param rows of one in the file
     * @param cols of one in the file
     */
    record Transposed(int parts, int rows, int cols) implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            if (parts == 1) return t.transposed();
            Bytes all = Bytes.allocate(t.byteSize());
            for (int i = 0; i < parts; i++) {
                Tensor part = t.rows(i * rows, (i + 1) * rows).transposed();
                part.bytes().copyTo(all, i * part.byteSize());
            }
            return Tensor.of(t.dtype(), all, (long) parts * cols, rows);
        }

        @Override
        public long[] inFile(long row, long column) {
            return new long[] {row / cols * rows + column, row % cols};
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

    /** [group, (its queries, k, v), d_head] became all queries, all k, all v; GPT-NeoX and BLOOM have a group a head. */
    static GgufLayout byGroup(int nHeads, int groups, int dHead) {
        int queries = nHeads / groups;
        return new Rows(r -> {
            int group = r / ((queries + 2) * dHead);
            int part = r / dHead % (queries + 2);
            int head = part < queries
                    ? group * queries + part
                    : part == queries ? nHeads + group : nHeads + groups + group;
            return head * dHead + r % dHead;
        });
    }
}
