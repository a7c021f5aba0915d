package org.llminspector.base;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * RootNames are how clients are told of this program's folders: by a name instead of where they lie on this machine. Safe on
 * any thread.
 */
public final class RootNames {

    private record Root(String path, Pattern pattern, String name) {}

    /** The longest first: a folder inside another has its own name. */
    private static final List<Root> ROOTS = new ArrayList<>();

    private RootNames() {}

    /** From now on the folder, and what is in it, is told of by this name. */
    public static void add(Path root, String name) {
        Path absolute = root.toAbsolutePath().normalize();
        add(absolute.toString(), name);
        try {
            add(absolute.toRealPath().toString(), name);
        } catch (IOException e) {
            // It is not there yet.
        }
    }

    /** The same by the folder's own name. */
    public static void add(Path root) {
        Path name = root.toAbsolutePath().normalize().getFileName();
        if (name != null) add(root, name.toString());
    }

    private static synchronized void add(String path, String name) {
        if (path.length() < 2) return; // the root of the file system is not ours
        ROOTS.removeIf(r -> r.path().equals(path));
        ROOTS.add(new Root(path, Pattern.compile(Pattern.quote(path) + "(?![\\w.-])"), Matcher.quoteReplacement(name)));
        ROOTS.sort(Comparator.comparing(r -> -r.path().length()));
    }

    /** A text without the paths of these folders. */
    public static synchronized String shown(String text) {
        if (text == null) return null;
        String shown = text;
        for (Root root : ROOTS) {
            if (shown.contains(root.path()))
                shown = root.pattern().matcher(shown).replaceAll(root.name());
        }
        return shown;
    }

    public static String shown(Path path) {
        return shown(path.toAbsolutePath().normalize().toString());
    }
}
