package org.llminspector.spark;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.web.cli.InspectorCommand;

/** Entry point for spark-submit: the program's command line, its sweep or evaluation on the cluster that spark-submit names. */
public final class SparkMain {

    private SparkMain() {}

    /** Whether it is a command that a cluster can compute: a sweep, or an evaluation on tasks. */
    private static boolean computes(List<String> command) {
        return switch (command.get(0)) {
            case "sweep" -> !command.contains("merge");
            case "evaluate" -> command.stream().anyMatch(a -> a.equals("--tasks") || a.startsWith("--tasks="));
            default -> false;
        };
    }

    public static void main(String[] args) {
        List<String> all = new ArrayList<>(List.of(args));
        String master = System.getProperty("spark.master");
        if (master != null && !all.isEmpty() && computes(all) && !all.contains("--on")) {
            all.add("--on");
            all.add(master);
        }
        PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        System.exit(InspectorCommand.run(out, err, all.toArray(String[]::new)));
    }
}
