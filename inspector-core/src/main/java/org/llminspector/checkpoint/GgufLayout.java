package org.llminspector.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Inverse of the layout change that llama.cpp's converter made to a tensor. */
sealed interface GgufLayout {

    /** From the file's layout to Hugging Face's. */
    Tensor undo(Tensor t);

    /** The file's {row, column} of the element at Hugging Face's [row, column]. */
    default long[] inFile(long row, long column) {
        return new long[] {row, column};
    }

    /** No change. */
    record AsIs() implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            return t;
        }
    }

    /**
     * Transposition, of the whole or of each of {@code parts} matrices stacked row-wise.
     *
     * @param rows rows of one matrix in the file
     * @param cols columns of one matrix in the file
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

    /** Addition of 1 (Gemma's norms). The inverse is exact: adding 1 again gives the file's number. */
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

    /**
     * -exp: the rate of a recurrence's decay, which Hugging Face stores as its logarithm.
     *
     * @param inFile the file's index of Hugging Face's
     */
    record MinusExp(IntUnaryOperator inFile) implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            float[] values = t.toFloats();
            float[] logs = new float[values.length];
            for (int i = 0; i < logs.length; i++) logs[i] = (float) Math.log(-values[inFile.applyAsInt(i)]);
            return Tensor.of(logs, t.shape());
        }
    }

    /** Permutation of columns; {@code columnInFile} maps Hugging Face's column to the file's. */
    record Columns(IntUnaryOperator columnInFile) implements GgufLayout {
        @Override
        public Tensor undo(Tensor t) {
            float[] values = t.toFloats();
            float[] moved = new float[values.length];
            int width = Math.toIntExact(t.shape()[1]);
            for (int i = 0; i < moved.length; i++)
                moved[i] = values[i - i % width + columnInFile.applyAsInt(i % width)];
            return Tensor.of(moved, t.shape());
        }

        @Override
        public long[] inFile(long row, long column) {
            return new long[] {row, columnInFile.applyAsInt(Math.toIntExact(column))};
        }
    }

    /** Permutation of rows; {@code rowInFile} maps Hugging Face's row to the file's. */
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

    /**
     * Index in the file, where value heads are tiled: the first head of every key head, then the second; Hugging Face
     * has a key head's heads one after another.
     *
     * @param first what stands before the values
     * @param each rows of a head
     */
    static IntUnaryOperator tiled(int first, int heads, int keyHeads, int each) {
        int perKey = heads / keyHeads;
        return r -> {
            if (r < first) return r;
            int head = (r - first) / each;
            return first + (head % perKey * keyHeads + head / perKey) * each + (r - first) % each;
        };
    }

    /** RoPE pairs (i, i + half) of each head became adjacent, (2 i, 2 i + 1): q and k of Llama. */
    static GgufLayout pairs(int dHead) {
        int half = dHead / 2;
        return new Rows(r -> {
            int i = r % dHead;
            return r - i + (i < half ? 2 * i : 2 * (i - half) + 1);
        });
    }

    /**
     * [group, (its queries, k, v), d_head] became all queries, all k, all v; GPT-NeoX and BLOOM have one group per
     * head.
     */
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
