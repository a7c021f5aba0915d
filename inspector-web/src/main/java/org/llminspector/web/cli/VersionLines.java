package org.llminspector.web.cli;

import java.util.List;
import org.llminspector.base.Version;

/** Output of --version, printed without loading picocli's classes, which would take most of the time. */
public final class VersionLines {

    private VersionLines() {}

    /** The versions of the program and of Java. */
    public static List<String> lines() {
        return List.of("LLM Inspector " + Version.STRING, "Java " + System.getProperty("java.version"));
    }

    /** Whether --version or -V is the only argument. */
    public static boolean asked(String... args) {
        return args.length == 1 && (args[0].equals("--version") || args[0].equals("-V"));
    }
}
