package org.llminspector.run.learn;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;
import org.llminspector.train.BaseFolder;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.NamedCorpus;
import org.llminspector.train.corpus.TextCorpus;

/** Creates trainers: resolves a recipe's corpus and tokenizer. */
public final class Training {

    private static final String[] TOKENIZER = {"tokenizer.json", "tokenizer_config.json"};

    private Training() {}

    /**
     * Starts a training run in a new folder.
     *
     * @param device {@code auto}, {@code cpu}, {@code cuda:N}
     */
    public static Trainer begin(Recipe given, Path folder, String device) {
        Recipe recipe = given.checked();
        return Trainer.begin(recipe, prepared(recipe, folder), folder, device);
    }

    /**
     * Starts at a later stage, from a state saved by another run of the recipe.
     *
     * @param run its folder
     * @param step updates after which the stage begins
     */
    public static Trainer beginAfter(Recipe given, Path folder, String device, Path run, int step) {
        Recipe recipe = given.checked();
        return Trainer.beginAfter(recipe, prepared(recipe, folder), folder, device, run, step);
    }

    private static Trainer.Sources prepared(Recipe recipe, Path folder) {
        Trainer.Sources sources = sources(recipe);
        BaseFolder.checkFormat(recipe); // before its tokenizer is looked for, which a GGUF file has inside
        try {
            Files.createDirectories(folder);
            boolean needed = recipe.task() != Recipe.Task.MODULAR_ADDITION;
            if (needed && !Files.exists(folder.resolve(TOKENIZER[0]))) tokenizer(recipe, folder);
        } catch (IOException e) {
            throw Writes.failed("the folder cannot be written", folder, e);
        }
        return sources;
    }

    /** Resumes the training run in a folder. */
    public static Trainer resume(Path folder, String device) {
        return Trainer.resume(folder, sources(Trainer.recipe(folder)), device);
    }

    private static Trainer.Sources sources(Recipe recipe) {
        return switch (recipe.task()) {
            case PRETRAIN -> new Trainer.Sources(corpus(recipe), null);
            case INSTRUCT, PREFER -> {
                NamedCorpus corpus = NamedCorpus.of(recipe.corpus());
                long seed = recipe.corpusSeed();
                yield new Trainer.Sources(
                        corpus.documents(seed),
                        corpus.dialogues(seed),
                        recipe.rejectedSamples() == 0 ? null : corpus.critic(seed));
            }
            case MODULAR_ADDITION -> new Trainer.Sources(null, null);
        };
    }

    private static Corpus corpus(Recipe recipe) {
        Optional<NamedCorpus> named = NamedCorpus.find(recipe.corpus());
        if (named.isPresent()) return named.get().documents(recipe.corpusSeed());
        Path file = Path.of(recipe.corpus());
        if (Files.isRegularFile(file)) return new TextCorpus(file);
        throw NamedCorpus.missing(recipe.corpus(), ", or a text file");
    }

    private static void tokenizer(Recipe recipe, Path folder) throws IOException {
        String given = recipe.tokenizer() != null ? recipe.tokenizer() : recipe.base();
        if (given == null) {
            Optional<NamedCorpus> named = NamedCorpus.find(recipe.corpus());
            if (named.isPresent()) {
                named.get().writeTokenizer(recipe.corpusSeed(), folder);
                return;
            }
            throw Problem.invalid("the recipe names no tokenizer")
                    .where("tokenizer")
                    .expected("a folder with " + String.join(" and ", TOKENIZER));
        }
        for (String file : TOKENIZER) {
            Path from = Path.of(given).resolve(file);
            if (!Files.exists(from)) {
                throw Problem.notFound("the tokenizer is not there").where(from);
            }
            Files.copy(from, folder.resolve(file));
        }
    }
}
