package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Overlapping windows of a long text in which every token is scored exactly once, with at least window - stride tokens
 * before it (except at the text's beginning). Each window begins with the tokenizer's prefix (BOS), as in llama.cpp.
 *
 * <p>Chunks are llama.cpp's windows instead: the text with its prefix is cut into non-overlapping pieces of one length,
 * and the remainder is dropped; each piece's first token is replaced by BOS where the tokenizer adds one, and its
 * second half is scored.
 *
 * @param prefix ids before each window
 * @param ids the text's, without the prefix
 * @param window most positions per pass, prefix included
 * @param stride tokens from one window to the next
 * @param chunks whether they are llama.cpp's windows
 */
record TextWindows(int[] prefix, int[] ids, int window, int stride, boolean chunks) {

    /**
     * @param ids of the pass, prefix included
     * @param from first row whose successor is scored here
     * @param to the row after the last such row
     * @param offset position of row 0 in the text; negative within the prefix
     */
    record Window(int[] ids, int from, int to, int offset) {}

    /** All tokens of the chunks, without BOS replacement. */
    int[] chunked() {
        int[] all = Arrays.copyOf(prefix, prefix.length + ids.length);
        System.arraycopy(ids, 0, all, prefix.length, ids.length);
        return Arrays.copyOf(all, all.length / window * window);
    }

    /** @param bos replaces the first token of each chunk, or null */
    static List<Window> chunks(int[] all, int length, Integer bos, int offset) {
        List<Window> windows = new ArrayList<>();
        for (int start = 0; start + length <= all.length; start += length) {
            int[] pass = Arrays.copyOfRange(all, start, start + length);
            if (bos != null) pass[0] = bos;
            windows.add(new Window(pass, length / 2, length - 1, start - offset));
        }
        return windows;
    }

    List<Window> windows() {
        if (chunks) return chunks(chunked(), window, prefix.length == 0 ? null : prefix[0], prefix.length);
        List<Window> windows = new ArrayList<>();
        int room = window - prefix.length;
        int scored = prefix.length == 0 ? 1 : 0; // without a prefix the first token is not predicted
        for (int start = 0; scored < ids.length; start += stride) {
            int end = Math.min(ids.length, start + room);
            int[] pass = new int[prefix.length + end - start];
            System.arraycopy(prefix, 0, pass, 0, prefix.length);
            System.arraycopy(ids, start, pass, prefix.length, end - start);
            int offset = start - prefix.length;
            windows.add(new Window(pass, scored - 1 - offset, end - 1 - offset, offset));
            scored = end;
        }
        return windows;
    }
}
