package org.llminspector.engine.torch;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * LRU cache of the expert matrices of a model's mixtures; a matrix is loaded when a token is first routed to it.
 *
 * <p>Matrices that the file has in the wanted format stay mapped. Converted ones are kept up to a number of bytes,
 * beyond which the least recently used are dropped: experts larger than memory are read from the file again. Used on
 * the engine thread.
 */
final class ExpertMatrices {

    /**
     * @param bytes of memory that are not mapped from the file
     * @param mapped those that are
     */
    record Made(LinearGroup matrices, long bytes, long mapped) {}

    private final TorchWeights weights;
    private final long most;
    private final Map<List<String>, Made> made = new LinkedHashMap<>(16, 0.75f, true); // in access order, eldest first
    private long held;

    /** @param most limit of converted matrices, in bytes */
    ExpertMatrices(TorchWeights weights, long most) {
        this.weights = weights;
        this.most = most;
    }

    /** The matrices of an expert's modules that read the same input. */
    LinearGroup of(List<String> modules) {
        Made there = made.get(modules);
        if (there != null) return there.matrices();
        Made entry = weights.expert(modules);
        Iterator<Map.Entry<List<String>, Made>> oldest = made.entrySet().iterator();
        while (held + entry.bytes() > most && oldest.hasNext()) {
            Map.Entry<List<String>, Made> old = oldest.next();
            if (old.getValue().bytes() == 0) continue;
            oldest.remove();
            held -= old.getValue().bytes();
            weights.drop(old.getKey(), old.getValue());
        }
        made.put(modules, entry);
        held += entry.bytes();
        return entry.matrices();
    }
}
