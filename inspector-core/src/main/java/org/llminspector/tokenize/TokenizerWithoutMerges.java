package org.llminspector.tokenize;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Map;
import org.llminspector.tokenize.file.JsonEdit;
import org.llminspector.tokenize.file.TokenizerFile;

/**
 * A BPE tokenizer without its merges: it normalizes, splits and falls back to bytes like the full one, and stops before
 * merging.
 */
record TokenizerWithoutMerges(HuggingFaceTokenizer library, MergeRules rules) implements AutoCloseable {

    private static final Map<String, String> WITHOUT_MERGES = Map.of(
            "model.merges", "[]",
            "model.ignore_merges", "false",
            "post_processor", "null",
            "truncation", "null",
            "padding", "null");

    static TokenizerWithoutMerges open(TokenizerFile.Source source) {
        TokenizerFile file = TokenizerFile.parse(source);
        MergeRules rules = MergeRules.read(source.path(), file.bytes(), file::id);
        try {
            byte[] json = JsonEdit.with(file.bytes(), WITHOUT_MERGES);
            return new TokenizerWithoutMerges(
                    HuggingFaceTokenizer.newInstance(
                            new ByteArrayInputStream(json), Map.of("truncation", "false", "padding", "false")),
                    rules);
        } catch (IOException | RuntimeException e) {
            throw TokenizerFile.damaged(source.path(), e.getMessage()).causedBy(e);
        }
    }

    @Override
    public void close() {
        library.close();
    }
}
