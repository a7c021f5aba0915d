package org.llminspector.run.sweep;

import java.nio.file.Path;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;

/** A process that sweeps until it is killed. */
final class SweepWriter {

    private SweepWriter() {}

    /** @param args a folder for the model, the corpus, the sweep's folder */
    public static void main(String[] args) {
        try (Inspector inspector = TextModel.open(Path.of(args[0]), 1 << 28)) {
            inspector
                    .sweeps()
                    .run(
                            SweepProcessesTest.request(Path.of(args[1])),
                            Path.of(args[2]),
                            Sweeps.Share.ALL,
                            Sweeps.MOST_BYTES,
                            SweepListener.NONE);
        }
    }
}
