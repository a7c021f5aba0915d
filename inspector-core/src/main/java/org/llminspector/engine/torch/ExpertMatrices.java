package org.llminspector.engine.torch;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * ExpertMatrices are the experts of all mixtures of a model: a matrix is made when a token is first sent to it.
 *
 * <p>Those that the file has as they are wanted stay where they lie. Converted ones are kept within a number of bytes, beyond
 * which the ones go that were not used for longest: experts that are larger than memory are read from the file again. Used
 * on the engine thread.
 */
final class ExpertMatrices {

    /** Maker makes the matrices of modules that read one input, and lets them go. */
    interface Maker {
        Made make(List<String> modules);

        void drop(List<String> modules, LinearGroup matrices);
    }

    /** @param bytes of memory that are not the file's */
    record Made(LinearGroup matrices, long bytes) {}

    private final Maker maker;
    private final long most;
    private final Map<List<String>, Made> made = new LinkedHashMap<>(16, 0.75f, true); // used longest ago first
    private long held;

    /** @param most bytes of converted matrices that are kept */
    ExpertMatrices(Maker maker, long most) {
        this.maker = maker;
        this.most = most;
    }

    /** The expert's matrices that read the token: gate and in, or in alone. */
    LinearGroup in(int layer, int expert, boolean gated) {
        String name = name(layer, expert);
        return of(gated ? List.of(name + "gate", name + "in") : List.of(name + "in"));
    }

    /** The expert's matrix that writes the answer. */
    LinearGroup out(int layer, int expert) {
        return of(List.of(name(layer, expert) + "out"));
    }

    private static String name(int layer, int expert) {
        return "blocks." + layer + ".mlp.experts." + expert + ".";
    }

    private LinearGroup of(List<String> modules) {
        Made there = made.get(modules);
        if (there != null) return there.matrices();
        Made entry = maker.make(modules);
        Iterator<Map.Entry<List<String>, Made>> oldest = made.entrySet().iterator();
        while (held + entry.bytes() > most && oldest.hasNext()) {
            Map.Entry<List<String>, Made> old = oldest.next();
            if (old.getValue().bytes() == 0) continue;
            oldest.remove();
            held -= old.getValue().bytes();
            maker.drop(old.getKey(), old.getValue().matrices());
        }
        made.put(modules, entry);
        held += entry.bytes();
        return entry.matrices();
    }
}
