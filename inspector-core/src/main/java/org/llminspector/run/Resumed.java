package org.llminspector.run;

import java.util.List;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.llminspector.capture.Capture;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.Session;

/**
 * Resumed is a sequence whose prompt has been read already: its first logits are known, and a session of its own begins only
 * when more is read.
 */
final class Resumed implements Session {

    private final int prompt;
    private final float[] logits;
    private final Supplier<Session> begin;
    private Session session;
    private boolean told;

    /**
     * @param prompt how many tokens were read
     * @param logits after them, [vocab]; not changed here
     * @param begin a session that holds them
     */
    Resumed(int prompt, float[] logits, Supplier<Session> begin) {
        this.prompt = prompt;
        this.logits = logits;
        this.begin = begin;
    }

    @Override
    public float[] append(int[] tokens) {
        if (!told) {
            told = true;
            return logits;
        }
        if (session == null) session = begin.get();
        return session.append(tokens);
    }

    /** As if the last token of the prompt were still to be read. */
    @Override
    public int length() {
        return session != null ? session.length() : told ? prompt : prompt - 1;
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
