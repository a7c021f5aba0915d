package org.llminspector.spark;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.web.cli.InspectorCommand;

/** Entry point for spark-submit: the program's command line, its sweep on the cluster that spark-submit names. */
public final class SparkMain {

    private SparkMain() {}

    public static void main(String[] args) {
        List<String> all = new ArrayList<>(List.of(args));
        String master = System.getProperty("spark.master");
        if (master != null
                && !all.isEmpty()
                && all.get(0).equals("sweep")
                && !all.contains("--on")
                && !all.contains("merge")) {
            all.add("--on");
            all.add(master);
        }
        PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        System.exit(InspectorCommand.run(out, err, all.toArray(String[]::new)));
    }
}
