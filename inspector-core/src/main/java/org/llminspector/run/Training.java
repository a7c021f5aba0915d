package org.llminspector.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.train.Corpus;
import org.llminspector.train.Recipe;
import org.llminspector.train.TextCorpus;
import org.llminspector.train.Trainer;
import org.llminspector.train.tales.Tales;
import org.llminspector.train.tales.TalesTokenizer;

/** Training opens training runs: it finds what a recipe names, the corpus and the tokenizer. */
public final class Training {

    private static final String TALES = "tales";
    private static final String[] TOKENIZER = {"tokenizer.json", "tokenizer_config.json"};

    private Training() {}

    /**
     * Begins a run in a folder, which is made.
     *
     * @param device {@code auto}, {@code cpu}, {@code cuda:N}
     */
    public static Trainer begin(Recipe given, Path folder, String device) {
        Recipe recipe = given.checked();
        Corpus corpus = corpus(recipe);
        try {
            Files.createDirectories(folder);
            if (!Files.exists(folder.resolve(TOKENIZER[0]))) tokenizer(recipe, folder);
        } catch (IOException e) {
            throw Problem.invalid("the folder cannot be written")
                    .where(folder)
                    .found(e.toString())
                    .causedBy(e);
        }
        return Trainer.begin(recipe, corpus, folder, device);
    }

    /** Goes on with the run in a folder. */
    public static Trainer resume(Path folder, String device) {
        return Trainer.resume(folder, corpus(Trainer.recipe(folder)), device);
    }

    private static Corpus corpus(Recipe recipe) {
        if (recipe.corpus().equals(TALES)) return new Tales(recipe.corpusSeed());
        Path file = Path.of(recipe.corpus());
        if (Files.isRegularFile(file)) return new TextCorpus(file);
        throw Problem.notFound("there is no such corpus")
                .where("corpus")
                .expected("tales, or a text file")
                .found(recipe.corpus());
    }

    private static void tokenizer(Recipe recipe, Path folder) throws IOException {
        if (recipe.tokenizer() == null && recipe.corpus().equals(TALES)) {
            TalesTokenizer.write(recipe.corpusSeed(), folder);
            return;
        }
        if (recipe.tokenizer() == null) {
            throw Problem.invalid("the recipe names no tokenizer")
                    .where("tokenizer")
                    .expected("a folder with " + String.join(" and ", TOKENIZER));
        }
        for (String file : TOKENIZER) {
            Path from = Path.of(recipe.tokenizer()).resolve(file);
            if (!Files.exists(from)) {
                throw Problem.notFound("the tokenizer is not there").where(from);
            }
            Files.copy(from, folder.resolve(file));
        }
    }
}
