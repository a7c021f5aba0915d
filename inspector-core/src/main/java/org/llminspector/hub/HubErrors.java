package org.llminspector.hub;

import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;
import org.llminspector.hub.repo.RepoId;
import org.llminspector.hub.repo.Revision;

/**
 * Conversion of the hub's error answers to Problems.
 *
 * <p>The kind is in {@code X-Error-Code} (huggingface_hub's {@code hf_raise_for_status}); the status is the fallback.
 * Without access the hub answers 401 both for private repositories and for missing ones.
 */
record HubErrors(RepoId repo, Revision revision, HubSettings settings) {

    private static final String TOKENS = "https://huggingface.co/settings/tokens";

    /** @param file the requested file; null for the repository */
    Problem of(HttpResponse<?> answer, String file) {
        HttpHeaders headers = answer.headers();
        String errorMessage = headers.firstValue("X-Error-Message").orElse("");
        String code = headers.firstValue("X-Error-Code").orElse("");
        int status = answer.statusCode();
        String found = "HTTP " + status + (errorMessage.isEmpty() ? "" : ", " + DisplayNames.name(errorMessage));
        return switch (code) {
            case "RevisionNotFound" -> noRevision();
            case "EntryNotFound" -> noFile(file);
            case "GatedRepo" -> gated(found);
            case "RepoNotFound" -> noRepo(found);
            default -> byStatus(status, errorMessage, found, headers, file);
        };
    }

    private Problem byStatus(int status, String errorMessage, String found, HttpHeaders headers, String file) {
        if (errorMessage.equals("Invalid credentials in Authorization header")) {
            return at(Problem.invalid("the hub does not know this token"))
                    .found(found)
                    .instead("make a new one at " + TOKENS + " and set HF_TOKEN, or unset it for a public model");
        }
        if (errorMessage.equals("Access to this resource is disabled.")) {
            return at(Problem.notFound("the hub has disabled this model")).found(found);
        }
        return switch (status) {
            case 401 -> file == null ? noRepo(found) : gated(found);
            case 403 -> gated(found);
            case 404 -> file == null ? noRepo(found) : noFile(file);
            case 429 ->
                at(Problem.of(Problem.Kind.BUSY, "the hub has had too many requests from here"))
                        .found(found)
                        .instead("try again "
                                + Backoff.askedMs(headers).stream()
                                        .mapToObj(ms -> "in " + (ms + 999) / 1000 + " s")
                                        .findFirst()
                                        .orElse("later")
                                + (settings.token() == null ? "; with HF_TOKEN set the hub allows more" : ""));
            default ->
                status >= 500 || status == 408
                        ? at(Problem.of(Problem.Kind.UPSTREAM, "the hub failed"))
                                .found(found + ", " + (Backoff.RETRIES + 1) + " times")
                                .instead("try again later; what has arrived is kept")
                        : at(Problem.of(Problem.Kind.UPSTREAM, "the hub gave an answer that is not understood"))
                                .found(found)
                                .instead("check HF_ENDPOINT and the proxy");
        };
    }

    private Problem noRepo(String found) {
        return at(Problem.notFound("the hub has no such model, or it is private"))
                .found(found)
                .instead(
                        settings.token() == null
                                ? "check the name; for a private model set HF_TOKEN to a token from " + TOKENS
                                : "check the name, and that the token in HF_TOKEN may read it");
    }

    private Problem noRevision() {
        return at(Problem.notFound("the model has no such revision"))
                .found(DisplayNames.name(revision.name()))
                .instead("leave the revision out for main, or see " + page() + "/tree/main");
    }

    private Problem noFile(String file) {
        return at(Problem.notFound("the model has no such file")).found(DisplayNames.name(String.valueOf(file)));
    }

    private Problem gated(String found) {
        String accept = "open " + page() + ", log in and accept the licence";
        return at(Problem.invalid("the model is gated: its owner asks you to accept a licence first"))
                .found(found + (settings.token() == null ? ", without a token" : ", with the token that is set"))
                .instead(
                        settings.token() == null
                                ? accept + "; then make a token at " + TOKENS + " and set HF_TOKEN to it"
                                : accept + " with the account of this token; the token must be allowed to read gated"
                                        + " models (" + TOKENS + ")");
    }

    private String page() {
        return settings.endpoint() + "/" + repo.id();
    }

    private Problem at(Problem problem) {
        return problem.where(repo.id() + " at " + revision.name() + ", " + settings.endpoint());
    }
}
