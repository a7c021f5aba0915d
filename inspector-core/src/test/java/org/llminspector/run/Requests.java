package org.llminspector.run;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;

/** Requests begin what tests ask for. */
public final class Requests {

    private Requests() {}

    public static RunRequestBuilder prompt(String text) {
        return RunRequest.builder().prompt(text);
    }

    public static RunRequestBuilder tokens(Integer... ids) {
        return RunRequest.builder().tokens(List.of(ids));
    }

    /** Alternating messages of user and assistant, the user first. */
    public static RunRequestBuilder says(String... turns) {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < turns.length; i++) {
            messages.add(new Message(i % 2 == 0 ? "user" : "assistant", turns[i]));
        }
        return RunRequest.builder().messages(messages);
    }

    public static GenerateOptions greedy(int n) {
        return new GenerateOptions(n, null, null, null, null, null, null, null, null, null, true, null, null);
    }
}
