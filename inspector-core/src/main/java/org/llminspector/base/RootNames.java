package org.llminspector.base;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of the program's folders that replace their absolute paths in messages to clients. Thread-safe. */
public final class RootNames {

    private record Root(String path, Pattern pattern, String name) {}

    /** Longest path first, so that nested folders have their own names. */
    private static final List<Root> ROOTS = new ArrayList<>();

    private RootNames() {}

    /** Registers a name for the folder and its contents. */
    public static void add(Path root, String name) {
        Path absolute = root.toAbsolutePath().normalize();
        add(absolute.toString(), name);
        try {
            add(absolute.toRealPath().toString(), name);
        } catch (IOException e) {
            // The folder does not exist yet.
        }
    }

    /** Registers the folder under its own file name. */
    public static void add(Path root) {
        Path name = root.toAbsolutePath().normalize().getFileName();
        if (name != null) add(root, name.toString());
    }

    private static synchronized void add(String path, String name) {
        if (path.length() < 2) return; // the file system's root is not replaced
        ROOTS.removeIf(r -> r.path().equals(path));
        ROOTS.add(new Root(path, Pattern.compile(Pattern.quote(path) + "(?![\\w.-])"), Matcher.quoteReplacement(name)));
        ROOTS.sort(Comparator.comparing(r -> -r.path().length()));
    }

    /** The text with these folders' paths replaced. */
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
