package org.llminspector.web.server;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.tokenize.Token;

/**
 * RunEvent is one event of a run's stream.
 *
 * @param name the event's name: queued, opening, started, prefilled, token, done, error
 * @param data what its data line holds, as JSON; a {@link ProblemDetail} in an error
 */
record RunEvent(String name, Object data) {

    record Queued(String id, int ahead) {}

    record Started(String id, List<Token> tokens, int promptLength) {}

    record Prefilled(KvCacheReport kvCache, double ms) {}

    record Step(@JsonUnwrapped GeneratedToken token, KvCacheReport kvCache) {}

    /** Whether nothing comes after it. */
    boolean last() {
        return name.equals("done") || name.equals("error");
    }
}
