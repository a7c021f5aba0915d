package org.llminspector.base.platform;

import java.nio.file.Path;

/** The program's data folder: LLM_INSPECTOR_HOME, else ~/.llm-inspector. */
public final class Home {

    private Home() {}

    public static Path dir() {
        String env = System.getenv("LLM_INSPECTOR_HOME");
        return env != null && !env.isBlank()
                ? Path.of(env)
                : Path.of(System.getProperty("user.home"), ".llm-inspector");
    }
}
