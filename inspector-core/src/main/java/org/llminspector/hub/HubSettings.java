package org.llminspector.hub;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.hub.repo.DisplayNames;

/**
 * Settings of the hub from the environment, as huggingface_hub's {@code constants.py} reads them.
 *
 * @param endpoint {@code HF_ENDPOINT}, without a trailing slash
 * @param cache {@code HF_HUB_CACHE}, {@code HF_HOME/hub}, {@code XDG_CACHE_HOME/huggingface/hub} or {@code
 *     ~/.cache/huggingface/hub}
 * @param token {@code HF_TOKEN}, or the content of the file {@code HF_TOKEN_PATH} or {@code HF_HOME/token}; null
 *     without one
 * @param offline {@code HF_HUB_OFFLINE}: no network requests
 * @param symlinks whether snapshots are links into blobs; not with {@code HF_HUB_DISABLE_SYMLINKS}
 * @param silence {@code HF_HUB_DOWNLOAD_TIMEOUT}: how long a connection may be silent before it is given up
 */
public record HubSettings(URI endpoint, Path cache, String token, boolean offline, boolean symlinks, Duration silence) {

    private static final String HUB = "https://huggingface.co";

    public static HubSettings fromEnvironment() {
        return of(System.getenv(), Path.of(System.getProperty("user.home")));
    }

    /** @param home the user's, for {@code ~} */
    public static HubSettings of(Map<String, String> env, Path home) {
        Path hfHome = hfHome(env, home);
        String seconds = env.getOrDefault("HF_HUB_DOWNLOAD_TIMEOUT", "");
        return new HubSettings(
                endpoint(first(env, "HF_ENDPOINT")),
                cache(env, home),
                token(env, home, hfHome),
                isTrue(first(env, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
                !isTrue(env.get("HF_HUB_DISABLE_SYMLINKS")),
                Duration.ofSeconds(seconds.matches("[1-9][0-9]{0,5}") ? Long.parseLong(seconds) : 10));
    }

    /** The folder of downloaded models. */
    public static Path cache(Map<String, String> env, Path home) {
        String named = first(env, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE");
        return named == null ? hfHome(env, home).resolve("hub") : path(named, home);
    }

    private static Path hfHome(Map<String, String> env, Path home) {
        String named = first(env, "HF_HOME");
        if (named != null) return path(named, home);
        String caches = first(env, "XDG_CACHE_HOME");
        return (caches == null ? home.resolve(".cache") : path(caches, home)).resolve("huggingface");
    }

    private static Path path(String named, Path home) {
        if (named.equals("~")) return home;
        return named.startsWith("~/") ? home.resolve(named.substring(2)) : Path.of(named);
    }

    private static URI endpoint(String named) {
        String address = (named == null ? HUB : named.strip()).replaceAll("/+$", "");
        try {
            URI uri = new URI(address);
            boolean web = "https".equalsIgnoreCase(uri.getScheme()) || "http".equalsIgnoreCase(uri.getScheme());
            if (web && uri.getHost() != null && uri.getQuery() == null && uri.getFragment() == null) return uri;
        } catch (URISyntaxException e) {
            // Refused below.
        }
        throw Problem.invalid("the hub's address is not a URL")
                .where("HF_ENDPOINT")
                .expected("https://host, such as " + HUB)
                .found(DisplayNames.name(address));
    }

    private static String token(Map<String, String> env, Path home, Path hfHome) {
        if (isTrue(env.get("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return null;
        String named = first(env, "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
        if (named != null) return clean(named, "HF_TOKEN");
        String at = first(env, "HF_TOKEN_PATH");
        Path file = at == null ? hfHome.resolve("token") : path(at, home);
        return Files.isRegularFile(file) ? clean(Reads.text(file, Reads.SMALL), file.toString()) : null;
    }

    /** The token without surrounding blanks; one that is invalid in a header is refused without being shown. */
    private static String clean(String token, String where) {
        String clean = token.strip();
        if (clean.isEmpty()) return null;
        if (clean.chars().allMatch(c -> c > ' ' && c < 0x7F)) return clean;
        throw Problem.invalid("the hub's token has characters that no token has")
                .where(where)
                .instead("copy it again from https://huggingface.co/settings/tokens");
    }

    private static String first(Map<String, String> env, String... names) {
        for (String name : names) {
            String value = env.get(name);
            if (value != null && !value.isBlank()) return value;
        }
        return null;
    }

    private static boolean isTrue(String value) {
        return value != null && value.toUpperCase(java.util.Locale.ROOT).matches("1|ON|YES|TRUE");
    }

    /** Leaves out the token. */
    @Override
    public String toString() {
        return "HubSettings[endpoint=" + endpoint + ", cache=" + cache + ", token=" + (token == null ? "none" : "set")
                + ", offline=" + offline + ", symlinks=" + symlinks + ", silence=" + silence + "]";
    }
}
