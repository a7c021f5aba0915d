package org.llminspector.run.compare;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.engine.Precision;
import org.llminspector.golden.Golden;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;

/** ComparisonWriter is a process that compares again and again, and says what it kept once it is kept. */
final class ComparisonWriter {

    static final ComparisonRequest REQUEST = new ComparisonRequest(
            RunRequest.builder().tokens(List.of(1, 2, 3)).build(),
            RunRequest.builder().precision(Precision.FP16).build(),
            null,
            List.of(1, 2, 3, 4),
            new ComparisonRequest.Options(List.of("blocks.*.hook_resid_post"), false, null, 8, null, false, null, null),
            null,
            null);

    private ComparisonWriter() {}

    static Inspector open(Path runs) {
        return Inspector.open(
                new InspectorConfig(List.of(), Golden.ROOT.resolve("llama"), runs, 1L << 30, 1L << 30, 4));
    }

    /** Argument: the folder of runs. */
    public static void main(String[] args) {
        try (Inspector inspector = open(Path.of(args[0]))) {
            while (true) {
                System.out.println(inspector
                        .comparisons()
                        .compare(REQUEST, ComparisonListener.NONE)
                        .id());
                System.out.flush();
            }
        }
    }
}
