package org.llminspector.web.server.http;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.tokenize.Token;

/**
 * One event of a run's stream.
 *
 * @param name queued, opening, started, prefilled, token, done, error
 * @param data the data line's value, as JSON; a {@link ProblemDetail} for error
 */
public record RunEvent(String name, Object data) {

    public record Queued(String id, int ahead) {}

    public record Started(String id, List<Token> tokens, int promptLength) {}

    public record Prefilled(KvCacheReport kvCache, double ms) {}

    public record Step(@JsonUnwrapped GeneratedToken token, KvCacheReport kvCache) {}

    /** Whether it is the stream's last event. */
    public boolean last() {
        return name.equals("done") || name.equals("error");
    }
}
