package org.llminspector.hub.repo;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;

/** Addresses of the hub, and the check whether a server is the hub. */
public record Urls(URI endpoint) {

    /** Origins that may receive the token: huggingface_hub's {@code _HUB_ORIGINS}. */
    private static final Set<String> HUB = Set.of("https://huggingface.co:443", "https://hf.co:443");

    /** The commit and the files of a revision; {@code blobs} adds sizes. */
    public URI info(RepoId repo, Revision revision) {
        return URI.create(
                endpoint + "/api/models/" + repo.id() + "/revision/" + quoted(revision.name(), "") + "?blobs=true");
    }

    /** A file of a commit. */
    public URI resolve(RepoId repo, String commit, String file) {
        return URI.create(endpoint + "/" + repo.id() + "/resolve/" + commit + "/" + quoted(file, "/"));
    }

    /** Whether the server is the hub, not a CDN that it redirects to. */
    public boolean isHub(URI uri) {
        String origin = origin(uri);
        return origin.equals(origin(endpoint)) || HUB.contains(origin);
    }

    private static String origin(URI uri) {
        String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
        int port = uri.getPort() >= 0 ? uri.getPort() : scheme.equals("https") ? 443 : 80;
        return scheme + "://" + String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT) + ":" + port;
    }

    /** Python's {@code urllib.parse.quote}. */
    static String quoted(String text, String safe) {
        StringBuilder out = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xFF);
            boolean plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            if (plain || "_.-~".indexOf(c) >= 0 || safe.indexOf(c) >= 0) out.append(c);
            else out.append(String.format(Locale.ROOT, "%%%02X", (int) c));
        }
        return out.toString();
    }
}
