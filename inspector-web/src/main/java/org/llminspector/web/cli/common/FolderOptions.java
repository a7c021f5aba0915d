package org.llminspector.web.cli.common;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.platform.Home;
import org.llminspector.local.ModelCache;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import picocli.CommandLine.Option;

/** Options for the folders of models and runs, and for how much memory and disk they may use. */
public final class FolderOptions {

    @Option(
            names = "--model",
            paramLabel = "DIR",
            description =
                    "A model's folder, a .gguf or .onnx file, or a name that 'inspector models' lists. Default: the"
                            + " one with * there.")
    String model;

    @Option(
            names = {"--model-root", "--models"},
            paramLabel = "DIR",
            description = "A folder of models; may be repeated. Default: LLM_INSPECTOR_MODELS, else ./model-cache.")
    List<Path> modelRoots;

    @Option(
            names = {"--runs-dir", "--runs"},
            paramLabel = "DIR",
            description = "Where runs are kept. Default: LLM_INSPECTOR_HOME/runs, else ~/.llm-inspector/runs.")
    Path runsDir;

    @Option(
            names = "--runs-max-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description =
                    "The oldest runs go when the store is larger; the oldest comparisons, when theirs is. Default:"
                            + " 10GiB.")
    long runsMaxBytes = 10L << 30;

    @Option(
            names = "--capture-budget",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The most that one run may capture. Default: 1GiB.")
    long captureBudget = 1L << 30;

    @Option(
            names = "--memory",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description =
                    "The most that weights, KV caches, captures and trainings may hold; models and caches used least"
                            + " recently are evicted, and what does not fit is refused. Default: three fifths of the machine's memory.")
    Long memory;

    @Option(
            names = "--prepared",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "The most that is kept on disk of weights in few bits, beside the runs, so that a model opens"
                    + " faster the next time (LLM_INSPECTOR_PREPARED, in bytes). Default: 16GiB; 0 keeps nothing.")
    Long prepared;

    @Option(
            names = "--trust",
            description = "Open models in this process at once (LLM_INSPECTOR_TRUST=1). Otherwise another process tries"
                    + " each tokenizer and each exported graph first, once, for a hostile one would end this one.")
    boolean trust;

    private final Map<String, Path> named = new HashMap<>(); // models that a comparison's sides name by a path

    /** Opens the Inspector; no model is loaded yet. */
    public Inspector open(int queue) {
        return open(queue, runsDir != null ? runsDir : Home.dir().resolve("runs"));
    }

    public Inspector open(int queue, Path runs) {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (trust) environment.put("LLM_INSPECTOR_TRUST", "1");
        if (prepared != null) environment.put("LLM_INSPECTOR_PREPARED", prepared.toString());
        Inspector inspector = Inspector.open(new InspectorConfig(
                roots(),
                modelFolder(),
                runs,
                runsMaxBytes,
                captureBudget,
                memory == null ? InspectorConfig.standardMemory() : memory,
                queue,
                Home.dir().resolve("trained"),
                environment));
        inspector.models().setDefault(slug());
        return inspector;
    }

    /** The folders for other machines, and the slug of the model that is meant. */
    public SweepCluster.Places elsewhere(Inspector inspector) {
        Path folder = modelFolder();
        return new SweepCluster.Places(
                inspector.models().orDefault(slug()),
                folder == null ? null : folder.toAbsolutePath().normalize(),
                roots().stream().map(r -> r.toAbsolutePath().normalize()).toList(),
                memory,
                trust);
    }

    /** The model's slug for requests: null for the default model. */
    public String slug() {
        return modelFolder() == null ? model : null;
    }

    /**
     * The model's slug for requests, from a slug or a path; a path's {@code ModelCache.root} is added to the folders of
     * models. Call before {@link #open}.
     */
    public String slug(String given) {
        if (given == null) return null;
        if (!pathLike(given)) return given;
        Path path = Path.of(given).toAbsolutePath().normalize();
        if (path.getFileName() == null || !Files.exists(path)) {
            throw Problem.notFound("the model does not exist")
                    .where(given)
                    .expected("a folder, a .gguf or an .onnx file");
        }
        String slug = ModelCache.slug(path);
        Path other = named.putIfAbsent(slug, path);
        if (other != null && !other.equals(path)) {
            throw Problem.invalid("two models have one name")
                    .where(given)
                    .expected("another name than " + other + " has")
                    .found(slug)
                    .instead("rename one of the folders, or name one by a link");
        }
        List<Path> all = new ArrayList<>(roots());
        all.add(0, ModelCache.root(path));
        modelRoots = all;
        return slug;
    }

    /** The model option as a path, where it names a folder or can only be a path. Null for a slug or no option. */
    private Path modelFolder() {
        if (model == null) return null;
        try {
            Path path = Path.of(model);
            return pathLike(model) || Files.exists(path) ? path : null;
        } catch (InvalidPathException e) {
            throw Problem.invalid("this is not a path").where("--model").found(model);
        }
    }

    private static boolean pathLike(String model) {
        return model.contains("/") || model.contains(File.separator) || model.startsWith(".");
    }

    private List<Path> roots() {
        if (modelRoots != null) return modelRoots;
        String env = System.getenv("LLM_INSPECTOR_MODELS");
        if (env == null || env.isBlank()) return List.of(Path.of("model-cache"));
        return Pattern.compile(File.pathSeparator, Pattern.LITERAL)
                .splitAsStream(env)
                .filter(s -> !s.isBlank())
                .map(Path::of)
                .toList();
    }

    /** Deletes a temporary folder and its contents. */
    public static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path p : all.sorted(java.util.Comparator.reverseOrder()).toList()) Files.deleteIfExists(p);
        }
    }
}
