package org.llminspector.web.cli.common;

import org.llminspector.run.request.SweepRequest;
import picocli.CommandLine.Option;

/** Options that name a corpus and say how its files become documents. */
public final class CorpusFlags {

    @Option(
            names = "--corpus",
            paramLabel = "PATH",
            description = {
                "A .txt, .jsonl or .csv file (also .gz), a .parquet file, a folder of them, such as a dataset's in the",
                "Hugging Face cache, or tales:train, tales:held_out."
            })
    public String corpus;

    @Option(names = "--documents", paramLabel = "N", description = "The most documents, from the first.")
    Long documents;

    @Option(names = "--field", paramLabel = "NAME", description = "Column or field with the text. Default: text.")
    String field;

    @Option(names = "--id", paramLabel = "NAME", description = "Column or field with the document's id. Default: id.")
    String id;

    @Option(names = "--paragraphs", description = "Blank lines separate the documents of a .txt file.")
    boolean paragraphs;

    @Option(names = "--skip-bad-lines", description = "Count lines that are no documents instead of refusing them.")
    boolean skipBad;

    /** Null where none is named. */
    public SweepRequest.Texts texts() {
        if (corpus == null) return null;
        return new SweepRequest.Texts(corpus, documents, field, id, paragraphs ? true : null, skipBad ? true : null);
    }
}
