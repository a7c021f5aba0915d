package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.List;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.tokenize.Token;

/** Printer of the prompt and then the continuation, each piece once its characters are complete. */
final class TextPrinter {

    private final RunRequest request;
    private final PrintWriter out;
    private boolean readable = true;

    TextPrinter(RunRequest request, PrintWriter out) {
        this.request = request;
        this.out = out;
    }

    void prompt(List<Token> tokens) {
        // Without a tokenizer a token prints as its id in brackets, and has no bytes.
        readable = tokens.stream().anyMatch(t -> !t.bytes().isEmpty() || t.special());
        if (request.prompt() != null) out.print(request.prompt());
        else if (request.tokens() != null)
            tokens.stream().filter(t -> !t.special()).forEach(t -> out.print(t.text()));
        out.flush();
    }

    void token(GeneratedToken step) {
        out.print(readable ? step.text() : step.token().text());
        out.flush();
    }

    /** Of a conversation only the answer is printed; without generation, the chat template's text. */
    void finish(RunManifest manifest) {
        if (request.messages() != null && request.generate() == null) out.print(manifest.prompt());
        out.println();
        out.flush();
    }
}
