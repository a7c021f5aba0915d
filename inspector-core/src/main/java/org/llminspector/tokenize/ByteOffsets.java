package org.llminspector.tokenize;

/** Cursor that converts UTF-8 byte offsets of a text to UTF-16 indices. */
final class ByteOffsets {

    private final String text;
    /** The current character, and how many of its bytes have been passed. */
    private int at;

    private int behind;

    ByteOffsets(String text) {
        this.text = text;
    }

    /** The index of the character that the next byte belongs to. */
    int start() {
        return at;
    }

    /** Advances by a number of bytes; returns one past the last character that they touch. */
    int advance(int bytes) {
        behind += bytes;
        while (at < text.length() && behind >= utf8Bytes(text.codePointAt(at))) {
            behind -= utf8Bytes(text.codePointAt(at));
            at += Character.charCount(text.codePointAt(at));
        }
        return behind == 0 ? at : at + Character.charCount(text.codePointAt(at));
    }

    private static int utf8Bytes(int codePoint) {
        return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    }
}
