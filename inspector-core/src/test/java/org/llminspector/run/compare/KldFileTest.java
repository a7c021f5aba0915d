package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.analysis.output.BaseLogProbs;
import org.llminspector.base.Problem;

/** A file of log-probabilities is read whole, or refused by the field that is wrong. */
class KldFileTest {

    private static final int CONTEXT = 8;
    private static final int VOCAB = 5;
    private static final int CHUNKS = 2;
    private static final int HEAD = 20;

    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void write() {
        file = folder.resolve("base.kld");
        int[] tokens = new int[CONTEXT * CHUNKS];
        for (int i = 0; i < tokens.length; i++) tokens[i] = i % VOCAB;
        KldFile.Head head = new KldFile.Head(CONTEXT, VOCAB, CHUNKS, tokens);
        try (KldFile.Writer writer = new KldFile.Writer(file, head)) {
            for (int i = 0; i < CHUNKS * head.rows(); i++) writer.write(BaseLogProbs.of(new float[] {i, 1, 2, 3, 4}));
        }
    }

    /** The head, and every row that it says. */
    private static KldFile.Head read(Path file) {
        try (KldFile.Reader reader = new KldFile.Reader(file)) {
            KldFile.Head head = reader.head(VOCAB);
            for (int i = 0; i < head.chunks() * head.rows(); i++) reader.next();
            return head;
        }
    }

    private void head(int context, int vocab, int chunks, long size) throws IOException {
        ByteBuffer b = ByteBuffer.allocate(HEAD).order(ByteOrder.LITTLE_ENDIAN);
        b.put("_logits_".getBytes(StandardCharsets.US_ASCII))
                .putInt(context)
                .putInt(vocab)
                .putInt(chunks);
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.write(b.array());
            f.setLength(size);
        }
    }

    @Test
    void whatIsWrittenIsRead() {
        assertThat(read(file).tokens()).hasSize(CONTEXT * CHUNKS).contains(4);
    }

    /** Every size with every other, among them products that wrap around 2^31, 2^32 and 2^64. */
    @ParameterizedTest
    @ValueSource(longs = {HEAD, HEAD + 100, 1L << 30})
    void aHeadThatCannotBeIsRefused(long size) throws IOException {
        List<Integer> sizes = List.of(
                Integer.MIN_VALUE,
                -1,
                0,
                1,
                2,
                3,
                8,
                0x7fff,
                0x10000,
                1 << 20,
                (1 << 24) - 1,
                1 << 24,
                (1 << 24) + 1,
                1 << 30,
                Integer.MAX_VALUE);
        int opened = 0;
        for (int context : sizes) {
            for (int vocab : sizes) {
                for (int chunks : sizes) {
                    head(context, vocab, chunks, size);
                    try (KldFile.Reader reader = new KldFile.Reader(file)) {
                        KldFile.Head head = reader.head(vocab);
                        long bytes = HEAD + 4L * context * chunks + (long) chunks * head.rows() * (2L * vocab + 8);
                        assertThat(bytes)
                                .as(context + ", " + vocab + ", " + chunks)
                                .isLessThanOrEqualTo(size);
                        opened++;
                    } catch (Problem p) {
                        assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID);
                        assertThat(p.where()).contains("base.kld");
                        assertThat(p.found()).isNotBlank();
                    }
                }
            }
        }
        if (size == HEAD) assertThat(opened).isZero();
        else assertThat(opened).isPositive();
    }

    @ParameterizedTest
    @CsvSource({"2,5,2,n_ctx", "8,0,2,n_vocab", "8,5,-1,n_chunk", "16777216,16777216,16777216,n_ctx x n_chunk"})
    void theFieldIsNamed(int context, int vocab, int chunks, String field) throws IOException {
        head(context, vocab, chunks, Files.size(file));
        Problem p = catchThrowableOfType(Problem.class, () -> read(file));
        assertThat(p.expected()).startsWith(field);
    }

    @Test
    void everyCutAndEveryByteIsReadOrRefused() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            assertThat(catchThrowableOfType(Problem.class, () -> read(file)))
                    .as("cut at " + length)
                    .isNotNull();
        }
        for (int at = 0; at < whole.length; at++) {
            for (int flip : new int[] {0x01, 0x80, 0xff}) {
                byte[] mutant = whole.clone();
                mutant[at] ^= (byte) flip;
                Files.write(file, mutant);
                try {
                    read(file);
                } catch (Problem refused) {
                    assertThat(refused.where()).contains("base.kld");
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -1})
    void aRowsScaleIsANumber(float scale) throws IOException {
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.seek(HEAD + 4 * CONTEXT * CHUNKS);
            f.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(scale)));
        }
        Problem p = catchThrowableOfType(Problem.class, () -> read(file));
        assertThat(p.expected()).contains("scale");
    }
}
