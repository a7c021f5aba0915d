package org.llminspector.run;

import java.util.List;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Session;
import org.llminspector.engine.cache.KvCacheReport;

/**
 * Session whose prompt has already been read: its logits are known, and the underlying session begins only when more is
 * appended.
 */
final class PrefilledSession implements Session {

    private final int prompt;
    private final float[] logits;
    private final Supplier<Session> begin;
    private Session session;
    private boolean promptLogitsGiven;

    /**
     * @param prompt number of tokens read
     * @param logits after them, [vocab]; not changed here
     * @param begin a session with those tokens
     */
    PrefilledSession(int prompt, float[] logits, Supplier<Session> begin) {
        this.prompt = prompt;
        this.logits = logits;
        this.begin = begin;
    }

    @Override
    public float[] append(int[] tokens) {
        if (!promptLogitsGiven) {
            promptLogitsGiven = true;
            return logits;
        }
        if (session == null) session = begin.get();
        return session.append(tokens);
    }

    /** One less than the prompt's length until more is read, as if its last token were still to be read. */
    @Override
    public int length() {
        return session != null ? session.length() : promptLogitsGiven ? prompt : prompt - 1;
    }

    @Override
    public KvCacheReport kvCache() {
        return session != null ? session.kvCache() : new KvCacheReport(length(), "F32", null, 0, 0, List.of());
    }

    @Override
    public Capture capture() {
        return new Capture(new TreeMap<>());
    }

    @Override
    public double captureMs() {
        return 0;
    }

    @Override
    public void close() {
        if (session != null) session.close();
    }
}
