package org.llminspector.web.server;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** LiveTest is a test of one server with the tiny models, for all its methods. */
abstract class LiveTest {

    @TempDir
    static Path folder;

    static LiveServer live;

    @BeforeAll
    static void startServer() throws IOException {
        live = new LiveServer(folder);
    }

    @AfterAll
    static void stopServer() {
        live.close();
    }
}
