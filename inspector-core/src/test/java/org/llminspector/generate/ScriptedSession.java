package org.llminspector.generate;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Session;
import org.llminspector.engine.cache.KvCacheReport;

/** ScriptedSession is a model whose next distribution is a plain function of the tokens so far. */
final class ScriptedSession implements Session {

    final List<Integer> seen = new ArrayList<>();
    private final Function<List<Integer>, float[]> next;

    ScriptedSession(Function<List<Integer>, float[]> next) {
        this.next = next;
    }

    /** Says these tokens after a prompt of this length, then 0 for ever; the vocabulary is 400. */
    static ScriptedSession saying(int promptLength, List<Integer> script) {
        return new ScriptedSession(seen -> {
            int at = seen.size() - promptLength;
            float[] logits = new float[400];
            logits[at < script.size() ? script.get(at) : 0] = 9;
            return logits;
        });
    }

    @Override
    public float[] append(int[] tokens) {
        for (int t : tokens) seen.add(t);
        return next.apply(List.copyOf(seen));
    }

    @Override
    public int length() {
        return seen.size();
    }

    @Override
    public KvCacheReport kvCache() {
        return new KvCacheReport(seen.size(), "F32", null, 8L * seen.size(), 1_024, List.of(8L * seen.size()));
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
    public void close() {}
}
