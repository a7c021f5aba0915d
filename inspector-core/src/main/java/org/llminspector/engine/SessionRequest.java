package org.llminspector.engine;

import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * Settings of a session: its longest length, captures, interventions and a cached prefix.
 *
 * @param maxPositions most positions that the sequence can have, which bounds the KV cache
 * @param hooks values to capture
 * @param interventions applied in order
 * @param sources for each intervention with {@code from} or {@code freeze}: the source values by hook, loaded
 *     beforehand
 * @param hooked whether to use the hooked form even where the fused one would do, so that a value does not depend on
 *     what else is captured
 * @param prefix cached first positions; null for none. May only be combined with the logits hook; rows before the
 *     prefix's length are undefined
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

    /** Without a prefix. */
    public SessionRequest(
            int maxPositions,
            SortedSet<HookId> hooks,
            List<Intervention> interventions,
            List<Map<HookId, Tensor>> sources,
            boolean hooked) {
        this(maxPositions, hooks, interventions, sources, hooked, null);
    }

    /** The same request, continuing from a cached prefix. */
    public SessionRequest after(KvPrefix known) {
        return new SessionRequest(maxPositions, hooks, interventions, sources, hooked, known);
    }

    /** In the engine's fastest form that can capture these hooks. */
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
