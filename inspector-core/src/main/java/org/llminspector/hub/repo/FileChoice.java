package org.llminspector.hub.repo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * The files of a repository that a model needs. As in transformers, only files at its root count.
 *
 * @param small config, tokenizer and the index if there is one
 * @param weights the only file of weights; null when an index lists them
 */
public record FileChoice(List<String> small, String weights) {

    public static final String CONFIG = "config.json";
    static final String SINGLE = "model.safetensors";
    public static final String INDEX = "model.safetensors.index.json";

    private static final long MAX_INDEX_BYTES = 100_000_000;
    private static final String TOKENIZER = "tokenizer.json";
    private static final Pattern SMALL = Pattern.compile("config\\.json|generation_config\\.json|tokenizer.*\\.json"
            + "|special_tokens_map\\.json|added_tokens\\.json|chat_template\\.[a-z0-9]+");
    /** Tokenizer files to use where there is no tokenizer.json. */
    private static final Set<String> TOKENIZER_PARTS =
            Set.of("vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model");

    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}");
    private static final Set<String> PICKLES = Set.of("bin", "pt", "pth", "ckpt", "pkl", "pickle");

    /** @param where the repository, for Problems */
    public static FileChoice of(Collection<String> files, String where) {
        List<String> small = new ArrayList<>();
        List<String> tensors = new ArrayList<>();
        for (String name : new TreeSet<>(files)) {
            if (!PLAIN.matcher(name).matches()) continue;
            boolean part = TOKENIZER_PARTS.contains(name) && !files.contains(TOKENIZER);
            if (part || SMALL.matcher(name).matches()) small.add(name);
            if (name.endsWith(".safetensors")) tensors.add(name);
        }
        if (files.contains(SINGLE)) return checked(small, SINGLE, where);
        if (files.contains(INDEX)) {
            small.add(INDEX);
            return checked(small, null, where);
        }
        if (tensors.size() == 1) return checked(small, tensors.get(0), where);
        throw noWeights(files, tensors, where);
    }

    private static FileChoice checked(List<String> small, String weights, String where) {
        if (small.contains(CONFIG)) return new FileChoice(List.copyOf(small), weights);
        throw Problem.unsupported("the repository is not a model by itself: it has no config.json")
                .where(where)
                .instead("an adapter or a part of a pipeline cannot be opened; pull the model it belongs to");
    }

    private static Problem noWeights(Collection<String> files, List<String> tensors, String where) {
        if (tensors.size() > 1) {
            return Problem.unsupported("there are several .safetensors files and no index that joins them")
                    .where(where)
                    .expected(SINGLE + ", or " + INDEX + ", or one .safetensors file")
                    .found(DisplayNames.names(tensors));
        }
        List<String> pickles = files.stream()
                .filter(f -> PICKLES.contains(extension(f)))
                .sorted()
                .toList();
        if (!pickles.isEmpty()) {
            return Problem.unsupported(
                            "the weights are PyTorch pickles only, and opening a pickle runs the code inside it")
                    .where(where)
                    .expected(".safetensors files")
                    .found(DisplayNames.names(pickles))
                    .instead("look for a safetensors version of the model: another revision (many repositories have one"
                            + " at refs/pr/1), or another repository");
        }
        List<String> ggufs =
                files.stream().filter(f -> extension(f).equals("gguf")).sorted().toList();
        if (!ggufs.isEmpty()) {
            return Problem.unsupported("the repository has GGUF files, each a whole model; pull takes safetensors")
                    .where(where)
                    .found(DisplayNames.names(ggufs))
                    .instead("download the one you want and open it with --model");
        }
        return Problem.unsupported("the repository holds no weights that this program opens")
                .where(where)
                .expected(SINGLE + ", or " + INDEX + " with its shards, or one .safetensors file")
                .found(DisplayNames.names(files.stream().sorted().toList()));
    }

    private static String extension(String name) {
        return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    }

    /** The weight files listed in an index. */
    public static List<String> shards(Path index) {
        Set<String> names = new TreeSet<>();
        Json.readObject(index, MAX_INDEX_BYTES).path("weight_map").forEach(name -> names.add(name.asText()));
        for (String name : names) {
            if (!PLAIN.matcher(name).matches() || !name.endsWith(".safetensors")) {
                throw Problem.invalid("the index names a file that a model may not have")
                        .where(index + ", field weight_map")
                        .expected("the name of a .safetensors file in the same folder")
                        .found(DisplayNames.name(name))
                        .instead("do not trust this model; take it from its original source");
            }
        }
        if (names.isEmpty()) {
            throw Problem.invalid("the index names no shards").where(index + ", field weight_map");
        }
        return List.copyOf(names);
    }
}
