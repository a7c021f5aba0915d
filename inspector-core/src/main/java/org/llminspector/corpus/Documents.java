package org.llminspector.corpus;

import java.util.function.Predicate;

/** The documents of a corpus, in an order that does not change. */
public interface Documents {

    /** Reads them from the beginning, one at a time. The reader returns whether it wants another. */
    void read(Predicate<Document> reader);
}
