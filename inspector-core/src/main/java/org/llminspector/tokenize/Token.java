package org.llminspector.tokenize;

import java.util.List;

/**
 * One token of a text.
 *
 * @param id row of the embedding table
 * @param text its readable text, with real spaces; bytes that are no whole character as {@code <0xE2>}
 * @param bytes its UTF-8 bytes, 0 to 255
 * @param start first character in the original text (UTF-16 index), or null for generated tokens and those that the
 *     tokenizer added
 * @param end one past the last character, or null
 * @param special whether it is a control token such as BOS
 */
public record Token(int id, String text, List<Integer> bytes, Integer start, Integer end, boolean special) {
    public Token {
        bytes = List.copyOf(bytes);
    }

    /** Whether the tokenizer added it to a text, as it does BOS. */
    public boolean added() {
        return special && start == null;
    }

    /** A token known only by its id: without a tokenizer, or an id in a vocabulary's padding. */
    public static Token ofId(int id) {
        return new Token(id, "⟨" + id + "⟩", List.of(), null, null, false);
    }
}
