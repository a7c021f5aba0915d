package org.llminspector.run.store;

import java.nio.file.Path;
import org.llminspector.base.Problem;

/** RunSaver is a process that saves runs, or extends one, and says what it kept once it is kept. */
final class RunSaver {

    private RunSaver() {}

    /** Arguments: the store's folder, how many, floats each, the store's size, and the run to extend, if any. */
    public static void main(String[] args) {
        int floats = Integer.parseInt(args[2]);
        try (RunStore store = RunStore.open(Path.of(args[0]), Long.parseLong(args[3]))) {
            for (int n = Integer.parseInt(args[1]); n > 0; n--) {
                System.out.println(args.length > 4 ? Runs.extend(store, args[4], floats) : Runs.save(store, floats));
                System.out.flush();
            }
        } catch (Problem p) {
            System.out.println(p.getMessage());
            System.exit(p.kind().exitCode());
        }
    }
}
