package org.llminspector.engine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

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

    /** Indices of the interventions at each hook that they change, in order. */
    public Map<HookId, List<Integer>> changes(DecoderSpec spec) {
        Map<HookId, List<Integer>> changes = new LinkedHashMap<>();
        for (int i = 0; i < interventions.size(); i++) {
            for (HookId id :
                    HookPatterns.match(spec, List.of(interventions.get(i).hook()))) {
                changes.computeIfAbsent(id, k -> new ArrayList<>()).add(i);
            }
        }
        return changes;
    }

    /** The source value of an intervention at a hook; null for none. */
    public Tensor source(int intervention, HookId id) {
        return intervention < sources.size() ? sources.get(intervention).get(id) : null;
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
