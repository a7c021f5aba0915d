package org.llminspector.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;

/**
 * Complete state of a training run at one step: exact weights, the optimizer's moments and the corpus position. One
 * file, training_state/state.safetensors, replaced atomically.
 *
 * @param tokens predicted so far
 */
record TrainingState(Tensor weights, Learner.State optimizer, long tokens, TokenStream.Place place) {

    static Path file(Path folder) {
        return folder.resolve("training_state").resolve("state.safetensors");
    }

    void write(Path folder) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("weights", weights);
        tensors.put("first", optimizer.first());
        tensors.put("second", optimizer.second());
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("step", Long.toString(optimizer.step()));
        metadata.put("tokens", Long.toString(tokens));
        try {
            metadata.put("place", Json.mapper().writeValueAsString(place));
            Files.createDirectories(file(folder).getParent());
        } catch (IOException e) {
            throw Writes.failed("the training state cannot be written", file(folder), e);
        }
        SafetensorsWriter.write(file(folder), tensors, metadata);
    }

    static TrainingState read(Path folder) {
        Path path = file(folder);
        if (!Files.exists(path)) {
            throw Problem.notFound("there is no training run to resume")
                    .where(path)
                    .instead("begin it without --resume");
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            Map<String, String> metadata = file.metadata();
            JsonNode place = Json.mapper().readTree(metadata.get("place"));
            return new TrainingState(
                    owned(file.tensor("weights")),
                    new Learner.State(
                            Long.parseLong(metadata.get("step")),
                            owned(file.tensor("first")),
                            owned(file.tensor("second"))),
                    Long.parseLong(metadata.get("tokens")),
                    Json.mapper().treeToValue(place, TokenStream.Place.class));
        } catch (JsonProcessingException | RuntimeException e) {
            if (e instanceof Problem p) throw p;
            throw Problem.invalid("the training state is damaged")
                    .where(path)
                    .found(e.toString())
                    .causedBy(e);
        }
    }

    /** The weights of a run's checkpoint with a fresh optimizer: a stage's initial state. */
    static TrainingState ofCheckpoint(Path run, int step) {
        long tokens = LossCurve.read(run).stream()
                .filter(row -> row.step() == step)
                .findFirst()
                .orElseThrow(() -> Problem.notFound("the curve has no such update")
                        .where(run.resolve(LossCurve.FILE))
                        .expected("a row of update " + step))
                .tokens();
        try (Checkpoint kept = Checkpoint.open(Trainer.checkpointFolder(run, step));
                Learner learner = TorchLearner.open(Family.open(kept), "cpu")) {
            Tensor weights = learner.weights();
            Tensor nothing = Tensor.of(new float[Math.toIntExact(weights.size())], weights.shape());
            Learner.State fresh = new Learner.State(step, nothing, nothing);
            return new TrainingState(weights, fresh, tokens, TokenStream.Place.at(0));
        }
    }

    /** A copy, as the mapped file is replaced during the run. */
    private static Tensor owned(Tensor t) {
        return Tensor.of(t.toFloats(), t.shape());
    }
}
