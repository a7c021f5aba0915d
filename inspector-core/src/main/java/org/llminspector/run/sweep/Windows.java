package org.llminspector.run.sweep;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/**
 * Windows of a corpus's documents: rows of tokens that are read together. A longer document has several of the full
 * length, the last of which begins early enough to be full; each begins with the tokenizer's prefix (BOS). A shorter
 * document is one window. Every token counts in exactly one window: {@code from} is the first position that does.
 */
final class Windows {

    /** Most tokens of all windows: 1 GiB of memory. */
    static final long MOST_TOKENS = 256L << 20;

    private static final int CHUNK = 1 << 20;

    private final int[] prefix;
    private final int length;
    private final List<int[]> chunks = new ArrayList<>(); // of CHUNK tokens each
    private long tokens;
    private final List<String> documents = new ArrayList<>(); // ids
    private long[] begins = new long[1024]; // [window], its first token
    private int[] froms = new int[1024];
    private int[] owners = new int[1024]; // its document
    private int size;
    private long counted;

    /**
     * @param prefix ids that the tokenizer puts before every text
     * @param length most tokens of a window, prefix included
     */
    Windows(int[] prefix, int length) {
        if (length < prefix.length + 2) {
            throw Problem.invalid("the window is too short")
                    .where("window")
                    .expected("at least " + (prefix.length + 2) + " tokens")
                    .found(length);
        }
        this.prefix = prefix.clone();
        this.length = length;
    }

    /** Adds a document's windows; none for a document without tokens. */
    void add(String id, int[] ids) {
        if (ids.length == 0) return;
        documents.add(id);
        int room = length - prefix.length;
        // Without a prefix a window's first token is predicted by none, so that it repeats the one before it.
        int overlap = prefix.length == 0 ? 1 : 0;
        window(ids, 0, Math.min(room, ids.length), 0);
        for (int end = room; end < ids.length; ) {
            int start = Math.min(end - overlap, ids.length - room);
            window(ids, start, start + room, prefix.length + end - start);
            end = start + room;
        }
    }

    /** Begins a document whose rows are given. */
    void document(String id) {
        documents.add(id);
    }

    /**
     * Adds a window of the last document as it is, without the prefix.
     *
     * @param from the first position that counts
     */
    void row(int[] ids, int from) {
        window(new int[0], ids, 0, ids.length, from);
    }

    private void window(int[] ids, int start, int end, int from) {
        window(prefix, ids, start, end, from);
    }

    private void window(int[] before, int[] ids, int start, int end, int from) {
        if (size == begins.length) {
            begins = Arrays.copyOf(begins, 2 * size);
            froms = Arrays.copyOf(froms, 2 * size);
            owners = Arrays.copyOf(owners, 2 * size);
        }
        begins[size] = tokens;
        froms[size] = from;
        owners[size] = documents.size() - 1;
        size++;
        append(before, 0, before.length);
        append(ids, start, end);
        counted += before.length + end - start - from;
    }

    private void append(int[] ids, int start, int end) {
        for (int i = start; i < end; i++, tokens++) {
            if (tokens == MOST_TOKENS) {
                throw Problem.tooLarge("the corpus has too many tokens for one sweep")
                        .where("corpus")
                        .expected("at most " + MOST_TOKENS)
                        .instead("sweep its files one by one");
            }
            if (tokens % CHUNK == 0) chunks.add(new int[CHUNK]);
            chunks.get((int) (tokens / CHUNK))[(int) (tokens % CHUNK)] = ids[i];
        }
    }

    /**
     * As tensors: {@code tokens} I32 of all windows one after another, {@code begin} I64 and {@code from}, {@code document}
     * I32 [window].
     */
    SortedMap<String, Tensor> state() {
        ByteBuffer ids =
                ByteBuffer.allocate(Math.toIntExact(tokens * Integer.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        for (int c = 0; c < chunks.size(); c++) {
            ids.asIntBuffer().position(c * CHUNK).put(chunks.get(c), 0, (int)
                    Math.min(CHUNK, tokens - (long) c * CHUNK));
        }
        ByteBuffer first = ByteBuffer.allocate(size * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        first.asLongBuffer().put(begins, 0, size);
        SortedMap<String, Tensor> state = new TreeMap<>();
        state.put("tokens", Tensor.of(DType.I32, ids, tokens));
        state.put("begin", Tensor.of(DType.I64, first, size));
        state.put("from", ints(froms));
        state.put("document", ints(owners));
        return state;
    }

    private Tensor ints(int[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(size * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asIntBuffer().put(values, 0, size);
        return Tensor.of(DType.I32, bytes, size);
    }

    int size() {
        return size;
    }

    /** Tokens of all windows, repeated ones included. */
    long tokens() {
        return tokens;
    }

    /** Tokens that count, each once. */
    long counted() {
        return counted;
    }

    /** Ids of the documents that have windows. */
    List<String> documents() {
        return documents;
    }

    int[] tokens(int window) {
        long begin = begins[window];
        int[] ids = new int[length(window)];
        for (int i = 0; i < ids.length; i++) {
            long at = begin + i;
            ids[i] = chunks.get((int) (at / CHUNK))[(int) (at % CHUNK)];
        }
        return ids;
    }

    int length(int window) {
        return (int) ((window + 1 == size ? tokens : begins[window + 1]) - begins[window]);
    }

    int from(int window) {
        return froms[window];
    }

    int document(int window) {
        return owners[window];
    }

    /** Tokens of the longest window. */
    int longest() {
        int longest = 0;
        for (int w = 0; w < size; w++) longest = Math.max(longest, length(w));
        return longest;
    }

    /** Most tokens of a window. */
    int length() {
        return length;
    }
}
