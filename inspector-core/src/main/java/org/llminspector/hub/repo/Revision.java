package org.llminspector.hub.repo;

import java.util.regex.Pattern;
import org.llminspector.base.Problem;

/** A branch, a tag, a pull request ({@code refs/pr/1}) or a commit. Names follow git's rules for refs. */
public record Revision(String name) {

    static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

    private static final Pattern PART = Pattern.compile("[A-Za-z0-9_+=,%@#!-][A-Za-z0-9_.+=,%@#!-]*");

    public Revision {
        if (!valid(name)) {
            throw Problem.invalid("this is not the name of a revision")
                    .where("revision")
                    .expected("a branch, a tag or a commit, such as main")
                    .found(name == null ? "nothing" : DisplayNames.name(name));
        }
    }

    /** Whether it is a commit's full hash. */
    public boolean isCommit() {
        return COMMIT.matcher(name).matches();
    }

    private static boolean valid(String name) {
        if (name == null || name.length() > 200 || name.contains("..") || name.contains("@{")) return false;
        for (String part : name.split("/", -1)) {
            if (!PART.matcher(part).matches() || part.endsWith(".lock") || part.endsWith(".")) return false;
        }
        return true;
    }
}
