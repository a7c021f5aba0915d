package org.llminspector.capture;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;

/**
 * Captured tensors of a run by hook, in the order in which data flows.
 *
 * @param done run by {@link #close}
 */
public record Capture(SortedMap<HookId, Tensor> tensors, Runnable done) implements AutoCloseable {

    public Capture {
        tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
    }

    public Capture(SortedMap<HookId, Tensor> tensors) {
        this(tensors, () -> {});
    }

    /**
     * Returns the memory for reuse at once; without it, memory returns when the tensors are garbage-collected. Reading
     * a tensor of this capture, or a view of one, afterwards throws IllegalStateException.
     */
    @Override
    public void close() {
        done.run();
    }

    public Tensor get(HookId id) {
        Tensor t = tensors.get(id);
        if (t == null) {
            throw Problem.notFound("the run did not capture this hook")
                    .where(id)
                    .found(tensors.size() + " captured hooks")
                    .instead("name it in the run's `capture` list");
        }
        return t;
    }

    public long byteSize() {
        return tensors.values().stream().mapToLong(Tensor::byteSize).sum();
    }
}
