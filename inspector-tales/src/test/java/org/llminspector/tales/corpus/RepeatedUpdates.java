package org.llminspector.tales.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Json;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.TrainingEnvironments;

/** Repeats updates of the shipped model's recipe in a process of its own, with the machine-independent kernels. */
final class RepeatedUpdates {

    static final Path SHIPPED = Path.of("../model-cache/tales-4m").toAbsolutePath();

    private RepeatedUpdates() {}

    /** The first updates from a step on; where it is not 0, from the shipped state at the end of the stage before it. */
    static void run(Path folder, int updates, int from) throws Exception {
        Path log = folder.resolve("log");
        ProcessBuilder child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "-Dai.djl.offline=true",
                        "-Dai.djl.pytorch.num_threads=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        RepeatedUpdates.class.getName(),
                        folder.toString(),
                        Integer.toString(updates),
                        Integer.toString(from))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        child.environment().put("ATEN_CPU_CAPABILITY", "avx2");
        child.environment().put("MKL_ENABLE_INSTRUCTIONS", "AVX2");
        assertThat(child.start().waitFor()).as(Files.readString(log)).isZero();
        assertThat(TrainingEnvironments.read(folder).sittings()).hasSize(1);
        assertThat(TrainingEnvironments.read(folder).differs())
                .as("it says so itself")
                .isNull();
    }

    /** The child process: a number of updates of the shipped model's recipe from a step on, in a folder. */
    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        Recipe recipe = Json.mapper().readValue(SHIPPED.resolve("recipe.json").toFile(), Recipe.class);
        TalesTokenizer.write(recipe.corpusSeed(), folder);
        Trainer.Sources sources = new Trainer.Sources(new Tales(recipe.corpusSeed()), null);
        int from = Integer.parseInt(args[2]);
        try (Trainer trainer = from > 0
                ? Trainer.beginAfter(recipe, sources, folder, "cpu", SHIPPED, from)
                : Trainer.begin(recipe, sources, folder, "cpu")) {
            trainer.run(new Trainer.Listener() {
                private long step;

                @Override
                public void progress(Trainer.Progress progress) {}

                @Override
                public boolean stop() {
                    return ++step == Integer.parseInt(args[1]);
                }
            });
        }
    }
}
