package org.llminspector.tokenize;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.llminspector.tokenize.file.Layout;

/** Text stream from the bytes of tokens: exact for layouts where a text is the concatenation of its tokens' bytes. */
final class ByteStream implements Tokenizer.TextStream {

    private final Tokenizer tokenizer;
    private final Layout layout;
    private final Utf8 utf8;
    private boolean first = true;
    private int strip;

    ByteStream(Tokenizer tokenizer, Layout layout, List<Integer> prompt) {
        this.tokenizer = tokenizer;
        this.layout = layout;
        this.utf8 = new Utf8(layout.byteLevel() ? Utf8.Broken.MARK_SEQUENCE : Utf8.Broken.MARK_BYTE);
        this.strip = layout.strip();
        for (int id : prompt) push(id);
    }

    @Override
    public String push(int id) {
        if (!tokenizer.has(id) || tokenizer.isSpecial(id)) return "";
        byte[] bytes = tokenizer.bytes(id);
        if (first && layout.dropInFirst()) {
            bytes = new String(bytes, StandardCharsets.UTF_8).replace(" ", "").getBytes(StandardCharsets.UTF_8);
        }
        first = false;
        return stripped(utf8.push(bytes));
    }

    @Override
    public String finish() {
        return stripped(utf8.finish());
    }

    private String stripped(String text) {
        int from = 0;
        while (strip > 0 && from < text.length()) {
            if (text.charAt(from) == ' ') {
                from++;
                strip--;
            } else {
                strip = 0;
            }
        }
        return text.substring(from);
    }
}
