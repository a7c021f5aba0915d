package org.llminspector.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;

/**
 * A generated corpus that recipes name, with what training on it needs. Another module implements it and lists the
 * class in {@code META-INF/services}, where {@link ServiceLoader} finds it.
 */
public interface NamedCorpus {

    /** The recipe's {@code corpus}. */
    String name();

    /** Documents of a seed, for pretraining. */
    Corpus documents(long seed);

    /** Conversations and preferences of a seed, for tuning. */
    Dialogues dialogues(long seed);

    /** Critic of a tuned model's samples. */
    Critic critic(long seed);

    /** Trains the corpus' tokenizer; writes tokenizer.json and tokenizer_config.json. */
    void writeTokenizer(long seed, Path folder);

    /** Most tokens of that tokenizer's vocabulary. */
    int vocabulary();

    /** Every corpus on the class path. */
    static List<NamedCorpus> all() {
        return ServiceLoader.load(NamedCorpus.class, NamedCorpus.class.getClassLoader()).stream()
                .map(ServiceLoader.Provider::get)
                .toList();
    }

    /** The corpus of a name on the class path; empty where there is none. */
    static Optional<NamedCorpus> find(String name) {
        return all().stream().filter(c -> c.name().equals(name)).findFirst();
    }

    /** @throws Problem NOT_FOUND where there is none of this name on the class path */
    static NamedCorpus of(String name) {
        return find(name).orElseThrow(() -> missing(name, ""));
    }

    /**
     * The problem of a name that is no corpus.
     *
     * @param otherwise what else may stand there: ", or a text file"
     */
    static Problem missing(String name, String otherwise) {
        return Problem.notFound("there is no such corpus")
                .where("corpus")
                .expected(known() + otherwise)
                .found(name);
    }

    /** The names of all, for messages. */
    static String known() {
        List<NamedCorpus> all = all();
        if (all.isEmpty()) return "a corpus (none: inspector-tales is not on the class path)";
        return all.stream().map(NamedCorpus::name).sorted().collect(Collectors.joining(", "));
    }
}
