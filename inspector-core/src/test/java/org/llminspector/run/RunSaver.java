package org.llminspector.run;

import java.nio.file.Path;

/** RunSaver is a process that saves runs and says each one's id once it is kept. */
final class RunSaver {

    private RunSaver() {}

    /** Arguments: the store's folder, how many runs, floats a run, and the store's size. */
    public static void main(String[] args) {
        int floats = Integer.parseInt(args[2]);
        try (RunStore store = RunStore.open(Path.of(args[0]), Long.parseLong(args[3]))) {
            for (int n = Integer.parseInt(args[1]); n > 0; n--) {
                System.out.println(Runs.save(store, floats));
                System.out.flush();
            }
        }
    }
}
