package org.llminspector.tokenize;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Tokenizer is one model's tokenizer.json, run by Hugging Face's own tokenizers library: no truncation, no network. */
public final class Tokenizer implements AutoCloseable {

    private Tokenizer() {}

    /** Opens the folder's tokenizer.json, or nothing when there is none; a damaged one is a Problem. */
    public static Optional<Tokenizer> open(Path modelDir) {
        throw new UnsupportedOperationException();
    }

    public List<Token> encode(String text, boolean addSpecialTokens) {
        throw new UnsupportedOperationException();
    }

    /** One token on its own, without offsets. */
    public Token token(int id) {
        throw new UnsupportedOperationException();
    }

    public String decode(List<Integer> ids, boolean skipSpecialTokens) {
        throw new UnsupportedOperationException();
    }

    /** Feeds ids one at a time and gives text only when its characters are whole. */
    public TextStream stream(List<Integer> prompt) {
        throw new UnsupportedOperationException();
    }

    public int vocabSize() {
        throw new UnsupportedOperationException();
    }

    /** From tokenizer_config.json, config.json or generation_config.json, or null. */
    public Integer bosId() {
        throw new UnsupportedOperationException();
    }

    public List<Integer> eosIds() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}

    /** TextStream holds back the bytes of an unfinished character. */
    public interface TextStream {
        /** The text that became whole with this token; may be empty. */
        String push(int id);

        /** What is left at the end; a broken character comes out as U+FFFD. */
        String finish();
    }
}
