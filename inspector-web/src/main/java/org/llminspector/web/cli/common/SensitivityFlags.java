package org.llminspector.web.cli.common;

import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.request.SensitivityRequest;
import picocli.CommandLine.Option;

/** Options of a comparison's sensitivity: what each module's precision costs. */
public final class SensitivityFlags {

    @Option(
            names = "--sensitivity",
            paramLabel = "BY",
            arity = "0..1",
            fallbackValue = "module",
            description = {
                "Rank what B's precision costs by layer, module (attention, MLP; the default) or matrix: B once more"
                        + " for each, with it alone at A's precision. B must be on the onnx engine."
            })
    String sensitivity;

    @Option(
            names = "--lower",
            description = "With --sensitivity: start from A and put one module at a time down to B's precision.")
    boolean lower;

    @Option(
            names = "--modules",
            paramLabel = "GLOB",
            split = ",",
            description = "With --sensitivity: only these matrices, such as blocks.*.mlp.*.")
    List<String> modules;

    @Option(
            names = "--budget",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description =
                    "With --sensitivity: suggest a mixed plan whose weights take at most this, 1.2MB, and run it.")
    Long budget;

    @Option(
            names = "--sensitivity-tokens",
            paramLabel = "N",
            description = "With --sensitivity: how much of the text is read for it. Default: one window.")
    Integer sensitivityTokens;

    /** Whether any of them is given. */
    public boolean asked() {
        return sensitivity != null;
    }

    /** @return null without {@code --sensitivity} */
    public SensitivityRequest request() {
        if (sensitivity == null) {
            if (!lower && modules == null && budget == null && sensitivityTokens == null) return null;
            throw Problem.invalid("these options go with --sensitivity")
                    .where("--lower, --modules, --budget, --sensitivity-tokens")
                    .expected("--sensitivity too");
        }
        SensitivityRequest.By by = Arrays.stream(SensitivityRequest.By.values())
                .filter(b -> b.name().equalsIgnoreCase(sensitivity))
                .findFirst()
                .orElseThrow(() -> Problem.invalid("modules cannot be grouped like this")
                        .where("--sensitivity")
                        .expected("layer, module or matrix")
                        .found(sensitivity));
        return new SensitivityRequest(
                lower ? SensitivityRequest.Direction.LOWER : SensitivityRequest.Direction.RESTORE,
                by,
                modules,
                budget,
                sensitivityTokens);
    }
}
