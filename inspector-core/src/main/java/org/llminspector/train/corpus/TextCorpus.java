package org.llminspector.train.corpus;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * A text file's documents, separated by blank lines; every twentieth is held out, and the stream repeats at the end.
 */
public final class TextCorpus implements Corpus {

    private static final int HELD_OUT_EVERY = 20;

    private static final long MAX_BYTES = 1L << 30;

    private final List<String> train = new ArrayList<>();
    private final List<String> heldOut = new ArrayList<>();

    public TextCorpus(Path file) {
        String text = Reads.text(file, MAX_BYTES);
        List<String> all = Arrays.stream(text.split("\\R\\s*\\R"))
                .map(String::strip)
                .filter(d -> !d.isEmpty())
                .toList();
        for (int i = 0; i < all.size(); i++) {
            (i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 ? heldOut : train).add(all.get(i));
        }
        if (heldOut.isEmpty()) {
            throw Problem.invalid("the text has too few documents")
                    .where(file)
                    .expected("at least " + HELD_OUT_EVERY + ", separated by blank lines")
                    .found(all.size());
        }
    }

    @Override
    public String document(Split split, long index) {
        List<String> documents = split == Split.TRAIN ? train : heldOut;
        return documents.get((int) (index % documents.size()));
    }
}
