package org.llminspector.hub.repo;

import java.util.regex.Pattern;
import org.llminspector.base.Problem;
import org.llminspector.local.ModelCache;

/**
 * A model's name on the hub: {@code owner/name}, or {@code name} alone.
 *
 * <p>The rules are those of huggingface_hub's {@code validate_repo_id}; a valid name cannot leave the cache's folder.
 */
public record RepoId(String id) {

    private static final String PART = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";
    private static final Pattern ID = Pattern.compile("(?:" + PART + "/)?" + PART);

    public RepoId {
        if (id == null || !ID.matcher(id).matches() || id.contains("--") || id.contains("..") || id.endsWith(".git")) {
            throw Problem.invalid("this is not the name of a model on the hub")
                    .where("repo")
                    .expected("owner/name of letters, digits, '-', '_' and '.', such as Qwen/Qwen3-0.6B")
                    .found(id == null ? "nothing" : DisplayNames.name(id));
        }
    }

    /** The model's slug in requests and in {@link ModelCache}: {@code owner--name}. */
    public String slug() {
        return id.replace("/", "--");
    }

    /** The model's folder in the cache. */
    public String folder() {
        return "models--" + slug();
    }
}
