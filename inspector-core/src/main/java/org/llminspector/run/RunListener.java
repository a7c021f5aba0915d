package org.llminspector.run;

import java.util.List;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.models.Opening;
import org.llminspector.tokenize.Token;

/** RunListener hears of a run while it happens, on the run's thread. Every method has a default that does nothing. */
public interface RunListener {

    RunListener NONE = new RunListener() {};

    /** It waits behind this many others, maybe none; under this id it can be cancelled from now on. */
    default void queued(String id, int ahead) {}

    /** The model is being opened, and the run waits for that before it waits its turn. */
    default void opening(String id, Opening.Progress progress) {}

    /** The model is open and the prompt about to go through it. */
    default void started(String id, List<Token> prompt) {}

    /** The prompt has gone through the model. */
    default void prefilled(KvCacheReport kvCache, double ms) {}

    default void token(GeneratedToken token, KvCacheReport kvCache) {}

    /**
     * Whether the run may begin with what {@link Sampling#scoresAfterOthers} has read of the same tokens before, where that is
     * exact; its timings say how many positions were not read again.
     */
    default boolean reuses() {
        return false;
    }

    /** Asked between tokens: true ends the run with finish reason {@code cancelled}, keeping what was made. */
    default boolean cancelled() {
        return false;
    }
}
