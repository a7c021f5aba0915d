package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Home;
import org.llminspector.base.NativeLibraries;
import org.sqlite.util.LibraryLoaderUtil;

/** SqliteLibrary keeps SQLite's native library unpacked under the home. */
final class SqliteLibrary {

    /** The driver's own property: the folder of its library. */
    private static final String PROPERTY = "org.sqlite.lib.path";

    private SqliteLibrary() {}

    /** Tells the driver of the library; where it cannot be unpacked the driver is left to itself. */
    static synchronized void keep() {
        if (System.getProperty(PROPERTY) != null) return;
        try {
            Path kept = unpacked(Home.dir().toAbsolutePath().resolve("native"));
            if (kept != null) System.setProperty(PROPERTY, kept.toString());
        } catch (IOException | RuntimeException e) {
            // A read-only or a full disk: a temporary file may do.
        }
    }

    static Path unpacked(Path parent) throws IOException {
        String from = LibraryLoaderUtil.getNativeLibResourcePath() + "/";
        return NativeLibraries.unpacked(parent, "sqlite", from, List.of(LibraryLoaderUtil.getNativeLibName()));
    }
}
