package org.llminspector.tokenize;

import java.util.ArrayList;
import java.util.List;

/**
 * Incremental decoding for any tokenizer: decodes the last few tokens with and without the new one, and returns the
 * difference. The cost per token does not depend on the length of the text.
 *
 * <p>The method is that of vLLM and text-generation-inference (prefix and read offsets).
 */
final class WindowStream implements Tokenizer.TextStream {

    /** Tokens of the prompt that the first decode includes. */
    private static final int CONTEXT = 5;
    /** Most tokens retained for an unfinished character, which has at most four bytes. */
    private static final int MAX_HELD = 4;

    private final Tokenizer tokenizer;
    private final List<Integer> window = new ArrayList<>();
    private int read;

    WindowStream(Tokenizer tokenizer, List<Integer> prompt) {
        this.tokenizer = tokenizer;
        for (int id : prompt) if (isText(id)) window.add(id);
        if (window.size() > CONTEXT) window.subList(0, window.size() - CONTEXT).clear();
        read = window.size();
    }

    @Override
    public String push(int id) {
        if (!isText(id)) return "";
        window.add(id);
        String text = tokenizer.decode(window, true);
        boolean unfinished = text.endsWith("\uFFFD") && window.size() - read < MAX_HELD;
        return unfinished ? "" : advance(text);
    }

    @Override
    public String finish() {
        return read == window.size() ? "" : advance(tokenizer.decode(window, true));
    }

    private String advance(String text) {
        String before = tokenizer.decode(window.subList(0, read), true);
        window.subList(0, read).clear();
        read = window.size();
        return text.substring(Math.min(before.length(), text.length()));
    }

    private boolean isText(int id) {
        return tokenizer.has(id) && !tokenizer.isSpecial(id);
    }
}
