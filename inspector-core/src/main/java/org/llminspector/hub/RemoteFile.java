package org.llminspector.hub;

import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;

/**
 * A file's metadata from HEAD of {@code resolve} (huggingface_hub: {@code get_hf_file_metadata}).
 *
 * @param etag names the file's blob: {@code X-Linked-Etag} for LFS files, ETag for others
 * @param size in bytes, -1 where the hub does not state it
 */
record RemoteFile(String name, String etag, long size) {

    private static final Pattern ETAG = Pattern.compile("[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}");

    /** @param listed the size in the list of files */
    static RemoteFile of(String name, HttpResponse<?> head, String commit, long listed) {
        HttpHeaders headers = head.headers();
        String at = headers.firstValue("X-Repo-Commit").orElse("nothing");
        if (!at.equals(commit)) throw unexpectedReply(head, "X-Repo-Commit: " + commit, DisplayNames.name(at));
        String etag = headers.firstValue("X-Linked-Etag")
                .or(() -> headers.firstValue("ETag"))
                .orElse("")
                .replaceFirst("^W/", "")
                .replace("\"", "");
        if (!ETAG.matcher(etag).matches()) throw unexpectedReply(head, "an ETag", DisplayNames.name(etag));
        boolean redirect = head.statusCode() / 100 == 3;
        long size = number(headers, "X-Linked-Size");
        if (size < 0 && !redirect) size = number(headers, "Content-Length");
        return new RemoteFile(name, etag, size < 0 ? listed : size);
    }

    private static long number(HttpHeaders headers, String name) {
        String value = headers.firstValue(name).orElse("");
        return value.matches("[0-9]{1,18}") ? Long.parseLong(value) : -1;
    }

    private static Problem unexpectedReply(HttpResponse<?> head, String expected, String found) {
        return Problem.of(Problem.Kind.UPSTREAM, "this does not seem to be a Hugging Face hub")
                .where(HubHttp.plain(head.uri()))
                .expected(expected)
                .found(found)
                .instead("check HF_ENDPOINT, the proxy and the firewall");
    }
}
