package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.platform.Home;
import org.llminspector.base.platform.NativeLibraries;
import org.sqlite.util.LibraryLoaderUtil;

/** Unpacks SQLite's native library once, under the home. */
final class SqliteLibrary {

    /** Property of the SQLite driver: the folder of its native library. */
    private static final String PROPERTY = "org.sqlite.lib.path";

    private SqliteLibrary() {}

    /** Points the driver to the library; where it cannot be unpacked, the driver unpacks its own temporary copy. */
    static synchronized void keep() {
        if (System.getProperty(PROPERTY) != null) return;
        try {
            Path kept = unpacked(Home.dir().toAbsolutePath().resolve("native"));
            if (kept != null) System.setProperty(PROPERTY, kept.toString());
        } catch (IOException | RuntimeException e) {
            // Read-only or full disk: the driver falls back to a temporary file.
        }
    }

    static Path unpacked(Path parent) throws IOException {
        String from = LibraryLoaderUtil.getNativeLibResourcePath() + "/";
        return NativeLibraries.unpacked(parent, "sqlite", from, List.of(LibraryLoaderUtil.getNativeLibName()));
    }
}
