package org.llminspector.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Path;
import org.llminspector.base.Json;

/** Child process that trains sums in a folder, saves at an interval of steps, and prints its steps. */
final class TrainingWriter {

    private TrainingWriter() {}

    static Recipe recipe(int steps) {
        return recipe(steps, 1);
    }

    static Recipe recipe(int steps, int saveEvery) {
        String json = """
                {"name":"sums","task":"modular_addition","modulus":7,"train_share":0.5,"steps":STEPS,"learning_rate":0.01,
                 "warmup_steps":0,"validate_every":2,"save_every":SAVE,"checkpoint_steps":[0,2],"dtype":"f32",
                 "model":{"d_model":16,"n_layers":1,"n_heads":2,"n_kv_heads":2,"d_mlp":16,"context":4}}""";
        try {
            return Json.mapper()
                    .readValue(
                            json.replace("STEPS", Integer.toString(steps)).replace("SAVE", Integer.toString(saveEvery)),
                            Recipe.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Arguments: the folder of a new or resumed run; the recipe's steps; steps between two states. */
    public static void main(String[] args) {
        Path folder = Path.of(args[0]);
        Trainer.Sources none = new Trainer.Sources(null, null);
        Trainer trainer = Trainer.isResumable(folder)
                ? Trainer.resume(folder, none, "cpu")
                : Trainer.begin(recipe(Integer.parseInt(args[1]), Integer.parseInt(args[2])), none, folder, "cpu");
        try (trainer) {
            trainer.run(new Trainer.Listener() {
                @Override
                public void progress(Trainer.Progress progress) {
                    System.out.println(progress.row().step());
                    System.out.flush();
                }

                @Override
                public boolean stop() {
                    return false;
                }
            });
        }
    }
}
