package org.llminspector.web.cli;

import java.util.List;
import org.llminspector.base.Version;

/** VersionLines is what --version prints. It needs no command line, whose classes take longer to load than it takes. */
public final class VersionLines {

    private VersionLines() {}

    /** The program's version and what it runs on. */
    public static List<String> lines() {
        return List.of("LLM Inspector " + Version.STRING, "Java " + System.getProperty("java.version"));
    }

    /** Whether these arguments ask for nothing else. */
    public static boolean asked(String... args) {
        return args.length == 1 && (args[0].equals("--version") || args[0].equals("-V"));
    }
}
