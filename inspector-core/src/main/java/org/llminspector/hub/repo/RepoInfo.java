package org.llminspector.hub.repo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * Answer of {@code GET /api/models/{repo}/revision/{rev}?blobs=true}.
 *
 * @param commit 40 hex digits
 * @param sizes every file's path and its bytes, -1 where the hub does not state them
 */
public record RepoInfo(String commit, Map<String, Long> sizes) {

    public static RepoInfo parse(byte[] body, String where) {
        try {
            JsonNode json = Json.mapper().readTree(body);
            String commit = json.path("sha").asText("");
            if (!Revision.COMMIT.matcher(commit).matches()) {
                throw unexpectedReply(where, "a commit of 40 hex digits in field sha", DisplayNames.name(commit));
            }
            Map<String, Long> sizes = new LinkedHashMap<>();
            for (JsonNode file : json.path("siblings")) {
                String name = file.path("rfilename").asText("");
                if (outside(name)) {
                    throw Problem.invalid("the hub lists a file that would lie outside the model's folder")
                            .where(where)
                            .found(DisplayNames.name(name))
                            .instead("do not trust this server; check HF_ENDPOINT");
                }
                long size =
                        file.path("lfs").path("size").asLong(file.path("size").asLong(-1));
                sizes.put(name, Math.max(size, -1));
            }
            return new RepoInfo(commit, sizes);
        } catch (JsonProcessingException e) {
            throw unexpectedReply(where, "JSON", e.getOriginalMessage());
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Paths that could leave the folder; git forbids them too. */
    private static boolean outside(String name) {
        for (String part : name.split("[/\\\\]", -1)) {
            if (part.isEmpty() || part.equals(".") || part.equals("..")) return true;
        }
        return name.indexOf('\0') >= 0;
    }

    private static Problem unexpectedReply(String where, String expected, String found) {
        return Problem.of(Problem.Kind.UPSTREAM, "this does not seem to be a Hugging Face hub")
                .where(where)
                .expected(expected)
                .found(found)
                .instead("check HF_ENDPOINT, the proxy and the firewall");
    }
}
