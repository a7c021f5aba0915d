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
 * Sittings are what a training run was computed with, from which update on: sittings.json beside its recipe. Another
 * process may have other kernels, and those round otherwise.
 */
public record Sittings(List<Sitting> sittings) {

    /** @param step updates made before it */
    public record Sitting(long step, LearnerInfo learner) {}

    private static final String FILE = "sittings.json";

    public Sittings {
        sittings = List.copyOf(sittings);
    }

    /** Those of a folder; none where nothing was trained yet, or by a program that did not write them. */
    public static Sittings read(Path folder) {
        Path file = folder.resolve(FILE);
        if (!Files.exists(file)) return new Sittings(List.of());
        return Json.mapper().convertValue(Json.readObject(file), Sittings.class);
    }

    /** Notes what computes from here on; what an interrupted run did after this step is made again. */
    static void note(Path folder, long step, LearnerInfo learner) {
        List<Sitting> all = new ArrayList<>(read(folder).sittings());
        all.removeIf(s -> s.step() >= step);
        if (all.isEmpty() || !all.get(all.size() - 1).learner().equals(learner)) all.add(new Sitting(step, learner));
        Path file = folder.resolve(FILE);
        try {
            Writes.replace(file, Json.write(new Sittings(all)) + "\n");
        } catch (IOException e) {
            throw Writes.failed("what computes the run cannot be noted", file, e);
        }
    }

    /** Why a shipped model's recipe would not give its losses to the last digit here, and what to do; null if it would. */
    public static String differs(LearnerInfo learner) {
        if (!learner.device().equals("cpu")) {
            return "a GPU rounds otherwise than the CPUs on which the shipped models were trained: for their losses train"
                    + " on the device cpu";
        }
        if (LearnerInfo.AVX2.equals(learner.instructions())) return null;
        return "the kernels are this CPU's choice, and others round otherwise: for the losses of the shipped models start"
                + " the program with ATEN_CPU_CAPABILITY=avx2 and MKL_ENABLE_INSTRUCTIONS=AVX2 in its environment";
    }

    /** The same of the whole run. */
    public String differs() {
        return sittings.stream()
                .map(s -> differs(s.learner()))
                .filter(why -> why != null)
                .findFirst()
                .orElse(null);
    }
}
