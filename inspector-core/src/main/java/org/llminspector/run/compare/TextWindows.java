package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.List;

/**
 * TextWindows cut a long text into overlapping windows so that every token is scored exactly once, with at least
 * window - stride tokens before it (but at the text's beginning). Each window begins with what the tokenizer puts
 * before a text (BOS), as llama.cpp does.
 *
 * @param prefix ids before each window
 * @param ids the text's, without the prefix
 * @param window most positions a pass, prefix included
 * @param stride tokens from one window to the next
 */
record TextWindows(int[] prefix, int[] ids, int window, int stride) {

    /**
     * @param ids of the pass, prefix included
     * @param from first row whose successor is scored here
     * @param to one past the last such row
     * @param offset position in the text of row 0: negative, where the prefix is
     */
    record Window(int[] ids, int from, int to, int offset) {}

    List<Window> windows() {
        List<Window> windows = new ArrayList<>();
        int room = window - prefix.length;
        int scored = prefix.length == 0 ? 1 : 0; // nothing says what the first token should be, but a prefix
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
