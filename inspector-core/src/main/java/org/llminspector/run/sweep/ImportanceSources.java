package org.llminspector.run.sweep;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.llminspector.analysis.reduce.Importances;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.quant.Importance;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;

/** What quantization errors of a model are weighted by: a sweep that kept {@code imatrix}, or an importance matrix's file. */
public final class ImportanceSources {

    /** The newest sweep of the model that kept it. */
    public static final String NEWEST = "newest";

    private static final String KIND = "imatrix";

    private final OpenModels models;
    private final SweepJobs sweeps;

    public ImportanceSources(OpenModels models, SweepJobs sweeps) {
        this.models = models;
        this.sweeps = sweeps;
    }

    /**
     * As a client names it.
     *
     * @param name {@link #NEWEST}, a sweep's id, or a .gguf file in the folder of corpora
     * @throws Problem NOT_FOUND where there is none; CONFLICT for a sweep of another model
     */
    public Importance named(String slug, String name, BooleanSupplier cancelled) {
        ModelFolder model = models.folder(slug);
        if (name.equals(NEWEST)) return newest(model, cancelled);
        if (name.endsWith(".gguf")) {
            Path file = sweeps.beside(name);
            if (file != null) return Importances.of(model.weights(), file, name);
            throw Problem.notFound("there is no such importance matrix")
                    .where(KIND)
                    .expected(NEWEST + ", a sweep's id, or a .gguf file in the folder of corpora")
                    .found(Problem.shown(name))
                    .instead("put it there, or run `inspector quantize --imatrix FILE` on this machine");
        }
        return of(model, sweeps.folder(name), name, cancelled);
    }

    /**
     * As a shell names it.
     *
     * @param where as in {@link #named}, or a file or a sweep's folder on this machine
     */
    public Importance at(String slug, String where, BooleanSupplier cancelled) {
        Path path = Path.of(where);
        if (where.equals(NEWEST) || !Files.exists(path)) return named(slug, where, cancelled);
        ModelFolder model = models.folder(slug);
        return Files.isDirectory(path)
                ? of(model, new SweepFolder(path), path.getFileName().toString(), cancelled)
                : Importances.of(model.weights(), path, path.getFileName().toString());
    }

    private Importance newest(ModelFolder model, BooleanSupplier cancelled) {
        String weights = model.sha256(cancelled);
        SweepJob job = Evidence.newest(sweeps, weights, j -> j.results().contains(KIND));
        if (job != null) return of(model, sweeps.folder(job.id()), job.id(), cancelled);
        throw Problem.notFound("no sweep of this model kept what its matrices read")
                .where(model.slug())
                .expected("a finished sweep with the reducer imatrix")
                .instead("inspector sweep --model " + model.slug()
                        + " --corpus texts.txt --reduce imatrix, or POST /sweeps");
    }

    private static Importance of(ModelFolder model, SweepFolder folder, String id, BooleanSupplier cancelled) {
        SweepManifest manifest = folder.manifest();
        String weights = model.sha256(cancelled);
        if (!manifest.model().weightsSha256().equals(weights)) {
            throw Problem.of(Problem.Kind.CONFLICT, "the sweep is of another model")
                    .where("sweep " + id)
                    .expected("weights with SHA-256 " + weights)
                    .found(manifest.model().weightsSha256());
        }
        Path file = new SweepResults(folder).file(KIND);
        try (SafetensorsFile state = SafetensorsFile.open(file)) {
            Function<String, Tensor> tensors = name -> {
                String own = name.substring(KIND.length() + 1);
                return state.tensors().containsKey(own) ? state.tensor(own) : null;
            };
            String is =
                    file + " " + file.toFile().length() + " " + file.toFile().lastModified();
            return Importances.of(
                    model.weights(),
                    tensors,
                    is,
                    "sweep " + id,
                    manifest.request().corpus().path());
        }
    }
}
