package org.llminspector.capture;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** Check that masks together leave every query a key and every token an expert; otherwise a softmax would be 0 / 0. */
final class Masks {

    private Masks() {}

    static void check(DecoderSpec spec, List<Intervention> interventions, int maxPositions) {
        SortedMap<HookId, List<Intervention>> masks = new TreeMap<>();
        for (Intervention v : interventions) {
            if (v.op() != Op.MASK) continue;
            for (HookId id : HookPatterns.match(spec, List.of(v.hook()))) {
                masks.computeIfAbsent(id, k -> new ArrayList<>()).add(v);
            }
        }
        masks.forEach((id, at) -> {
            LayerSpec layer = spec.layers().get(id.layer());
            if (id.point() == HookPoint.ROUTER_LOGITS)
                check(id, layer.mlp().experts().count(), at, maxPositions);
            else check(id, layer.attention(), at, maxPositions);
        });
    }

    private static void check(HookId id, int experts, List<Intervention> masks, int maxPositions) {
        for (int position = 0; position < maxPositions; position++) {
            BitSet left = new BitSet();
            left.set(0, experts);
            for (Intervention v : masks) {
                if (!picks(v.positions(), position)) continue;
                if (v.features() == null) left.clear();
                else v.features().forEach(left::clear);
            }
            if (!left.isEmpty()) continue;
            throw Problem.invalid("no expert would be left that this token may be sent to")
                    .where(id + ", position " + position)
                    .expected("at least one expert that is not masked")
                    .instead("zero mlp.hook_expert_gates to silence all of them");
        }
    }

    private static void check(HookId id, Attention attention, List<Intervention> masks, int maxPositions) {
        for (int head = 0; head < attention.nHeads(); head++) {
            for (int query = 0; query < maxPositions; query++) {
                int q = query;
                int h = head;
                if (masks.stream().noneMatch(v -> picks(v.heads(), h) && picks(v.positions(), q))) continue;
                BitSet left = new BitSet(); // keys that the query can still attend to
                left.set(attention.reach().first(query), query + 1);
                for (Intervention v : masks) {
                    if (picks(v.heads(), head) && picks(v.positions(), query)) {
                        if (v.keys() == null) left.clear();
                        else v.keys().forEach(left::clear);
                    }
                }
                if (!left.isEmpty()) continue;
                throw Problem.invalid("nothing would be left that this query may look at")
                        .where(id + ", head " + head + ", query " + query)
                        .expected("at least one key at or before the query that is not masked")
                        .instead("name `positions` after the masked keys, or silence the head: zero its hook_z");
            }
        }
    }

    private static boolean picks(List<Integer> picked, int index) {
        return picked == null || picked.contains(index);
    }
}
