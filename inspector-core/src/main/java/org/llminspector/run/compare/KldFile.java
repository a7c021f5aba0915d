package org.llminspector.run.compare;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.llminspector.analysis.output.BaseLogProbs;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Writes;

/**
 * KldFile is the file that {@code llama-perplexity --kl-divergence-base} writes and reads, little-endian:
 *
 * <pre>
 *   "_logits_"                      8 bytes
 *   n_ctx, n_vocab, n_chunk         int32 each
 *   tokens                          int32 [n_chunk * n_ctx]
 *   rows, chunk after chunk         (n_ctx - 1 - n_ctx / 2) a chunk, each
 *     scale, least                  float32 each (see {@link BaseLogProbs})
 *     codes                         uint16 [n_vocab], and one more where n_vocab is odd
 * </pre>
 */
final class KldFile {

    /** File header. */
    record Head(int context, int vocab, int chunks, int[] tokens) {

        int rows() {
            return context - 1 - context / 2;
        }
    }

    private static final byte[] MAGIC = "_logits_".getBytes(StandardCharsets.US_ASCII);
    private static final int MOST_CONTEXT = 1 << 24;

    /** Tokens are kept in memory. */
    private static final int MOST_TOKENS = 1 << 24;

    private KldFile() {}

    /** Writes the rows in order. */
    static final class Writer implements AutoCloseable {
        private final Path file;
        private final OutputStream out;
        private final ByteBuffer row;

        Writer(Path file, Head head) {
            this.file = file;
            this.row = ByteBuffer.allocate(rowBytes(head.vocab())).order(ByteOrder.LITTLE_ENDIAN);
            try {
                out = new BufferedOutputStream(Files.newOutputStream(file), 1 << 16);
                ByteBuffer b =
                        ByteBuffer.allocate(20 + 4 * head.tokens().length).order(ByteOrder.LITTLE_ENDIAN);
                b.put(MAGIC).putInt(head.context()).putInt(head.vocab()).putInt(head.chunks());
                for (int id : head.tokens()) b.putInt(id);
                out.write(b.array());
            } catch (IOException e) {
                throw failed(e);
            }
        }

        void write(BaseLogProbs probs) {
            row.clear();
            row.putFloat(probs.scale()).putFloat(probs.least());
            for (short code : probs.codes()) row.putShort(code);
            try {
                out.write(row.array());
            } catch (IOException e) {
                throw failed(e);
            }
        }

        private Problem failed(IOException e) {
            return Writes.failed("the log-probabilities cannot be written", file, e);
        }

        @Override
        public void close() {
            try {
                out.close();
            } catch (IOException e) {
                throw failed(e);
            }
        }
    }

    /** Reads the header, then the rows in order. */
    static final class Reader implements AutoCloseable {
        private final Path file;
        private final InputStream in;
        private final Head head;
        private final byte[] row;

        Reader(Path file) {
            this.file = file;
            if (!Files.isRegularFile(file)) {
                throw Problem.notFound("the file cannot be read")
                        .where(file)
                        .expected("a file that llama-perplexity --kl-divergence-base or --save-kld wrote");
            }
            InputStream opened = null;
            try {
                opened = new BufferedInputStream(Reads.stream(file), 1 << 16);
                in = opened;
                head = head();
                row = new byte[rowBytes(head.vocab())];
            } catch (IOException e) {
                close(opened);
                throw broken(e);
            } catch (Problem p) {
                close(opened);
                throw p;
            }
        }

        private Head head() throws IOException {
            if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) throw wrong("\"_logits_\" at its beginning");
            int context = number("n_ctx", 3); // with two tokens no row is scored
            int vocab = number("n_vocab", 1);
            int chunks = number("n_chunk", 1);
            long all = (long) context * chunks;
            if (all > MOST_TOKENS)
                throw wrong("n_ctx x n_chunk of at most " + MOST_TOKENS + " tokens")
                        .found(all);
            long rows = (long) chunks * (context - 1 - context / 2); // fewer than the tokens, so no overflow
            long bytes = 20 + 4 * all + rows * rowBytes(vocab);
            long size = Files.size(file);
            if (size < bytes) throw wrong(bytes + " bytes, as its head says").found(size);
            int[] tokens = new int[(int) all];
            byte[] read = in.readNBytes(4 * tokens.length);
            if (read.length < 4 * tokens.length) throw new EOFException();
            ByteBuffer ids = ByteBuffer.wrap(read).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < tokens.length; i++) {
                tokens[i] = ids.getInt();
                if (tokens[i] < 0 || tokens[i] >= vocab) {
                    throw wrong("token ids from 0 to " + (vocab - 1)).found(tokens[i] + ", token " + i);
                }
            }
            return new Head(context, vocab, chunks, tokens);
        }

        private int number(String field, int least) throws IOException {
            byte[] b = in.readNBytes(4);
            if (b.length < 4) throw new EOFException();
            int n = ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).getInt();
            if (n < least || n > MOST_CONTEXT)
                throw wrong(field + " of " + least + " to " + MOST_CONTEXT).found(n);
            return n;
        }

        Head head(int vocab) {
            if (head.vocab() == vocab) return head;
            throw Problem.unsupported("the file and the model do not have the same vocabulary")
                    .where(file)
                    .expected(vocab + " entries")
                    .found(head.vocab());
        }

        BaseLogProbs next() {
            try {
                if (in.readNBytes(row, 0, row.length) < row.length) throw new EOFException();
            } catch (IOException e) {
                throw broken(e);
            }
            ByteBuffer b = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
            float scale = b.getFloat();
            float least = b.getFloat();
            if (!(scale >= 0) || !Float.isFinite(scale) || !Float.isFinite(least)) {
                throw wrong("rows whose scale and least log-probability are finite numbers, the scale at least 0")
                        .found(scale + " and " + least);
            }
            short[] codes = new short[head.vocab()];
            b.asShortBuffer().get(codes);
            return new BaseLogProbs(scale, least, codes);
        }

        private Problem wrong(String expected) {
            return Problem.invalid("this is no file of log-probabilities")
                    .where(file)
                    .expected(expected);
        }

        private Problem broken(IOException e) {
            return Problem.invalid("the file of log-probabilities cannot be read")
                    .where(file)
                    .found(e instanceof EOFException ? "its end too soon" : e.getMessage())
                    .causedBy(e);
        }

        private static void close(InputStream in) {
            try {
                if (in != null) in.close();
            } catch (IOException e) {
                // Read-only: failing to close it loses nothing.
            }
        }

        @Override
        public void close() {
            close(in);
        }
    }

    private static int rowBytes(int vocab) {
        return 2 * (2 * ((vocab + 1) / 2) + 4);
    }
}
