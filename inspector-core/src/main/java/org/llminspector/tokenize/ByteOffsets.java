package org.llminspector.tokenize;

/** ByteOffsets walks a text by UTF-8 bytes and says where that is in UTF-16. */
final class ByteOffsets {

    private final String text;
    /** The character at hand, and how many of its bytes are behind. */
    private int at;

    private int behind;

    ByteOffsets(String text) {
        this.text = text;
    }

    /** Where the character begins that the next byte belongs to. */
    int start() {
        return at;
    }

    /** Goes on by so many bytes; one past the last character that they touch. */
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
