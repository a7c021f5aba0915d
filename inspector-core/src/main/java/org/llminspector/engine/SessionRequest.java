package org.llminspector.engine;

import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * SessionRequest is what an engine needs to know before the first token.
 *
 * @param maxPositions most positions the sequence will have; the KV cache is allocated for them
 * @param hooks values to capture
 * @param interventions changes to make, in order
 * @param sources for each intervention with {@code from} or {@code freeze}: the values by hook, looked up beforehand
 * @param hooked whether to stay on the form that shows every hook, also where less is seen: so that what a value is
 *     does not depend on what else was asked for
 * @param prefix what the sequence begins with, already read; null for nothing. Hooks see only what is read after it, so it
 *     comes without any but the logits, whose rows before it mean nothing
 */
public record SessionRequest(
        int maxPositions,
        SortedSet<HookId> hooks,
        List<Intervention> interventions,
        List<Map<HookId, Tensor>> sources,
        boolean hooked,
        KvPrefix prefix) {

    public SessionRequest {
        hooks = new TreeSet<>(hooks);
        interventions = List.copyOf(interventions);
        sources = List.copyOf(sources);
        if (prefix != null && hooks.stream().anyMatch(h -> h.point() != HookPoint.LOGITS)) {
            throw new IllegalArgumentException("hooks of a prefix are not known");
        }
    }

    /** From the first token. */
    public SessionRequest(
            int maxPositions,
            SortedSet<HookId> hooks,
            List<Intervention> interventions,
            List<Map<HookId, Tensor>> sources,
            boolean hooked) {
        this(maxPositions, hooks, interventions, sources, hooked, null);
    }

    /** The same, going on from there. */
    public SessionRequest after(KvPrefix known) {
        return new SessionRequest(maxPositions, hooks, interventions, sources, hooked, known);
    }

    /** On the engine's fastest form that shows these hooks. */
    public SessionRequest(
            int maxPositions,
            SortedSet<HookId> hooks,
            List<Intervention> interventions,
            List<Map<HookId, Tensor>> sources) {
        this(maxPositions, hooks, interventions, sources, false);
    }

    /** Nothing captured, nothing changed. */
    public static SessionRequest plain(int maxPositions) {
        return new SessionRequest(maxPositions, new TreeSet<>(), List.of(), List.of());
    }
}
