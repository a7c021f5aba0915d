package org.llminspector.run;

import java.util.List;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.models.Opening;
import org.llminspector.tokenize.Token;

/** Progress callbacks of a run, called on the run's thread. Every method has a default that does nothing. */
public interface RunListener {

    RunListener NONE = new RunListener() {};

    /** Queued behind {@code ahead} other pieces of work; {@code id} cancels it from now on. */
    default void queued(String id, int ahead) {}

    /** The model is being opened; the run waits for this before it waits for the worker. */
    default void opening(String id, Opening.Progress progress) {}

    /** The model is open and prefill begins. */
    default void started(String id, List<Token> prompt) {}

    /** Prefill is done. */
    default void prefilled(KvCacheReport kvCache, double ms) {}

    default void token(GeneratedToken token, KvCacheReport kvCache) {}

    /**
     * Whether the run may start from a KV prefix cached by {@link Sampling#scoresAfterOthers}, where that is exact; its
     * timings report the reused positions.
     */
    default boolean reuses() {
        return false;
    }

    /** Asked between tokens: true ends the run with finish reason {@code cancelled}, keeping what was generated. */
    default boolean cancelled() {
        return false;
    }
}
