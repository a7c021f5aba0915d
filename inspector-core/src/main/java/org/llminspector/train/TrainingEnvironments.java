package org.llminspector.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Writes;
import org.llminspector.engine.LearnerInfo;

/**
 * Hardware and kernels that computed a training run, and from which update on: sittings.json next to its recipe.
 * Another process may have other kernels, which round differently.
 */
public record TrainingEnvironments(List<Sitting> sittings) {

    /** @param step updates made before it */
    public record Sitting(long step, LearnerInfo learner) {}

    private static final String FILE = "sittings.json";

    public TrainingEnvironments {
        sittings = List.copyOf(sittings);
    }

    /** The record of a folder; empty before training, or where the program's version did not write it. */
    public static TrainingEnvironments read(Path folder) {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) return new TrainingEnvironments(List.of());
        return Json.mapper().convertValue(Json.readObject(file), TrainingEnvironments.class);
    }

    /**
     * Records what computes from this step on; later entries of an interrupted run are dropped, as its updates are
     * repeated.
     */
    static void note(Path folder, long step, LearnerInfo learner) {
        List<Sitting> all = new ArrayList<>(read(folder).sittings());
        all.removeIf(s -> s.step() >= step);
        if (all.isEmpty() || !all.get(all.size() - 1).learner().equals(learner)) all.add(new Sitting(step, learner));
        Path file = folder.resolve(FILE);
        try {
            Writes.replace(file, Json.write(new TrainingEnvironments(all)) + "\n");
        } catch (IOException e) {
            throw Writes.failed("what computes the run cannot be noted", file, e);
        }
    }

    /**
     * Why a shipped model's recipe would not reproduce its losses to the last digit here, and the remedy; null if it
     * would.
     */
    public static String differs(LearnerInfo learner) {
        if (!learner.device().equals("cpu")) {
            return "a GPU rounds otherwise than the CPUs on which the shipped models were trained: for their losses train"
                    + " on the device cpu";
        }
        if (LearnerInfo.AVX2.equals(learner.instructions())) return null;
        return "the kernels are this CPU's choice, and others round otherwise: for the losses of the shipped models start"
                + " the program with ATEN_CPU_CAPABILITY=avx2 and MKL_ENABLE_INSTRUCTIONS=AVX2 in its environment";
    }

    /** The same for the whole run. */
    public String differs() {
        return sittings.stream()
                .map(s -> differs(s.learner()))
                .filter(why -> why != null)
                .findFirst()
                .orElse(null);
    }
}
