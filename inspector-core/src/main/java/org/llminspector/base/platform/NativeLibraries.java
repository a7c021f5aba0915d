package org.llminspector.base.platform;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * Unpacking of native libraries from the program's jar, once. Their Java bindings would write them to a new temporary
 * file at every start, and leave it there when the process is killed.
 */
public final class NativeLibraries {

    private NativeLibraries() {}

    /**
     * The folder with the libraries, whose name includes their checksums; null where the resources are not in a jar.
     *
     * @param parent parent of that folder
     * @param name prefix of the folder's name
     * @param from the resources' folder, with a trailing slash
     */
    public static Path unpacked(Path parent, String name, String from, List<String> names) throws IOException {
        StringBuilder key = new StringBuilder(name);
        long[] sizes = new long[names.size()];
        for (int i = 0; i < sizes.length; i++) {
            URL url = NativeLibraries.class.getResource(from + names.get(i));
            if (url == null || !(url.openConnection() instanceof JarURLConnection jar)) return null;
            sizes[i] = jar.getJarEntry().getSize();
            key.append('-').append(Long.toHexString(jar.getJarEntry().getCrc()));
        }
        Path folder = Files.createDirectories(parent.resolve(key.toString()));
        for (int i = 0; i < sizes.length; i++) {
            Path file = folder.resolve(names.get(i));
            if (Files.exists(file) && Files.size(file) == sizes[i]) continue;
            Path part = Files.createTempFile(folder, names.get(i), ".part");
            try (InputStream in =
                    NativeLibraries.class.getResource(from + names.get(i)).openStream()) {
                Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        }
        return folder;
    }
}
