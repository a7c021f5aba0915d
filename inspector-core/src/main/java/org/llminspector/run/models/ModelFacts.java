package org.llminspector.run.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.engine.exported.ExportedSpec;
import org.llminspector.family.ExportedOnlySpec;
import org.llminspector.family.Family;
import org.llminspector.local.ModelCache;
import org.llminspector.spec.DecoderSpec;

/**
 * Summary of a model for the model list, from its config.json and weight headers: no weight is read, no graph walked,
 * no tokenizer opened. An error in one folder is reported as its {@code trouble} only.
 *
 * @param family null in trouble
 * @param trouble why the model cannot be opened, or null
 */
public record ModelFacts(
        String family,
        long parameters,
        long bytes,
        int nLayers,
        int dModel,
        boolean hasTokenizer,
        boolean exported,
        String trouble) {

    static ModelFacts of(ModelCache.Found found) {
        try (Checkpoint checkpoint = Checkpoint.open(found.dir())) {
            OnnxFile graph = checkpoint.onnx().orElse(null);
            if (graph != null && !Family.knows(checkpoint)) {
                return row(
                        found,
                        checkpoint,
                        checkpoint.config().path("model_type").asText(),
                        ExportedSpec.layers(graph),
                        ExportedOnlySpec.width(checkpoint));
            }
            DecoderSpec spec = graph == null ? Family.open(checkpoint).spec() : Family.exported(checkpoint);
            return row(found, checkpoint, spec.family(), spec.nLayers(), spec.dModel());
        } catch (Problem p) {
            return trouble(p.getMessage());
        } catch (RuntimeException | StackOverflowError e) {
            return trouble("the program failed while it read this folder: " + e);
        }
    }

    private static ModelFacts row(
            ModelCache.Found found, Checkpoint checkpoint, String family, int nLayers, int dModel) {
        return new ModelFacts(
                family,
                checkpoint.parameters(),
                checkpoint.bytes(),
                nLayers,
                dModel,
                ModelFolder.hasTokenizer(found, checkpoint),
                checkpoint.onnx().isPresent(),
                null);
    }

    static ModelFacts trouble(String trouble) {
        return new ModelFacts(null, 0, 0, 0, 0, false, false, trouble);
    }

    /**
     * Names, sizes and times of all files that the facts depend on; the facts are valid while the stamp is unchanged.
     */
    static String stamp(ModelCache.Found found) {
        TreeSet<String> files = new TreeSet<>();
        Path folder = Files.isDirectory(found.dir())
                ? found.dir()
                : found.dir().toAbsolutePath().getParent();
        Path graphs = folder.endsWith("onnx") ? folder.resolveSibling("") : folder.resolve("onnx");
        for (Path dir : List.of(folder, graphs, found.trainingDir())) {
            if (!Files.isDirectory(dir)) continue;
            try (Stream<Path> children = Files.list(dir)) {
                for (Path file : children.toList()) files.add(stamp(file));
            } catch (IOException e) {
                throw Reads.unreadable(dir, e);
            }
        }
        return String.join("\n", files);
    }

    private static String stamp(Path file) {
        try {
            return Files.isDirectory(file)
                    ? file.toString()
                    : file + " " + Files.size(file) + " " + Files.getLastModifiedTime(file);
        } catch (IOException e) {
            return file + " " + e.getMessage(); // a dangling link
        }
    }
}
