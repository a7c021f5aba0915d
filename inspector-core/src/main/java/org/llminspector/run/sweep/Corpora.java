package org.llminspector.run.sweep;

import java.nio.file.Path;
import java.util.Locale;
import org.llminspector.base.Problem;
import org.llminspector.corpus.CorpusFiles;
import org.llminspector.corpus.CorpusOptions;
import org.llminspector.corpus.Document;
import org.llminspector.corpus.Documents;
import org.llminspector.run.request.SweepRequest.Texts;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Corpus.Split;
import org.llminspector.train.corpus.NamedCorpus;

/** The documents that a sweep's request names: files, or a corpus by name. */
public final class Corpora {

    /** Documents of a corpus without end. */
    private static final long ENDLESS = 200;

    /** The seed with which the embedded models' corpora are made. */
    private static final long SEED = 1;

    private Corpora() {}

    /**
     * Documents, and what was found wrong with lines once they are read.
     *
     * @param files null for a corpus by name
     */
    public record Opened(Documents documents, CorpusFiles files) {}

    /** Whether a path is a corpus by name, not a file. */
    static boolean named(String path) {
        int colon = path.indexOf(':');
        return NamedCorpus.find(colon < 0 ? path : path.substring(0, colon)).isPresent();
    }

    static Problem none() {
        return Problem.invalid("a sweep needs texts")
                .where("corpus.path")
                .expected("a file, a folder, or tales:train, tales:held_out");
    }

    static Problem noDocuments(Texts texts) {
        return Problem.invalid("no documents are asked for")
                .where("corpus.documents")
                .expected("1 or more")
                .found(texts.documents());
    }

    /** @throws Problem for texts that there are not */
    public static Opened open(Texts texts) {
        if (texts == null || texts.path() == null || texts.path().isBlank()) throw none();
        if (texts.documents() != null && texts.documents() < 1) throw noDocuments(texts);
        int colon = texts.path().indexOf(':');
        String name = colon < 0 ? texts.path() : texts.path().substring(0, colon);
        var named = NamedCorpus.find(name);
        if (named.isPresent() && (colon >= 0 || !Path.of(texts.path()).toFile().exists())) {
            return new Opened(named(named.get(), colon < 0 ? "" : texts.path().substring(colon + 1), texts), null);
        }
        CorpusOptions standard = CorpusOptions.DEFAULT;
        CorpusFiles files = new CorpusFiles(
                Path.of(texts.path()),
                new CorpusOptions(
                        texts.field() == null ? standard.field() : texts.field(),
                        texts.id() == null ? standard.id() : texts.id(),
                        Boolean.TRUE.equals(texts.paragraphs()),
                        Boolean.TRUE.equals(texts.skipBad())));
        long most = texts.documents() == null ? Long.MAX_VALUE : texts.documents();
        return new Opened(
                reader -> {
                    long[] left = {most};
                    files.read(d -> reader.test(d) && --left[0] > 0);
                },
                files);
    }

    private static Documents named(NamedCorpus corpus, String part, Texts texts) {
        Split split =
                switch (part.toLowerCase(Locale.ROOT)) {
                    case "train" -> Split.TRAIN;
                    case "held_out", "held-out" -> Split.HELD_OUT;
                    default ->
                        throw Problem.invalid("a named corpus has two parts")
                                .where("corpus.path")
                                .expected(corpus.name() + ":train or " + corpus.name() + ":held_out")
                                .found(texts.path());
                };
        Corpus documents = corpus.documents(SEED);
        long count = texts.documents() == null ? ENDLESS : texts.documents();
        String prefix = corpus.name() + ":" + split.name().toLowerCase(Locale.ROOT) + "#";
        return reader -> {
            for (long i = 0; i < count; i++) {
                if (!reader.test(new Document(prefix + i, documents.document(split, i)))) return;
            }
        };
    }
}
