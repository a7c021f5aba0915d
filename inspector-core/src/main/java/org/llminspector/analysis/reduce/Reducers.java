package org.llminspector.analysis.reduce;

import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;

/** Reducers by the names of their kinds. */
public final class Reducers {

    private Reducers() {}

    /**
     * New reducers, in the order of {@link ReducerKind}.
     *
     * @param names of kinds, such as {@code moments}, or {@code moments:blocks.*.mlp.hook_post} for hooks of its own
     * @param globs hooks of the kinds that can be given hooks and have none of their own; empty for each kind's default
     * @throws Problem for an unknown kind, a hook that the model lacks or the kind cannot take, hooks that no kind takes, and
     *     a kind of which the model has no hook
     */
    public static List<Reducer> of(List<String> names, SweptModel model, Collection<String> globs) {
        Map<ReducerKind, List<String>> asked = new EnumMap<>(ReducerKind.class);
        for (String name : names) {
            int colon = name.indexOf(':');
            ReducerKind kind = ReducerKind.named(colon < 0 ? name : name.substring(0, colon));
            List<String> own = asked.computeIfAbsent(kind, k -> new ArrayList<>());
            if (colon >= 0) own.add(name.substring(colon + 1));
            else if (kind.choosesHooks()) own.addAll(globs);
            if (!own.isEmpty() && !kind.choosesHooks()) throw fixed(kind.label());
        }
        if (!globs.isEmpty() && asked.keySet().stream().noneMatch(ReducerKind::choosesHooks)) {
            throw fixed(String.join(", ", names));
        }
        List<Reducer> reducers = new ArrayList<>();
        asked.forEach((kind, own) -> reducers.add(kind.make(model, hooks(kind, model, own))));
        return reducers;
    }

    private static SortedSet<HookId> hooks(ReducerKind kind, SweptModel model, List<String> globs) {
        if (!globs.isEmpty()) {
            SortedSet<HookId> chosen = HookPatterns.match(model.spec(), globs);
            chosen.forEach(kind::check);
            return chosen;
        }
        SortedSet<HookId> hooks = kind.hooks(model.spec());
        if (hooks.isEmpty() && kind.choosesHooks()) {
            throw Problem.invalid("this reducer needs to be told its hooks")
                    .where(kind.label())
                    .expected(kind.label() + ":HOOK, such as " + kind.label() + ":blocks.0.hook_resid_post")
                    .found(kind.label())
                    .instead("`inspector hooks` lists the hooks of a model");
        }
        if (hooks.isEmpty()) {
            throw Problem.unsupported("this model has nothing that this reducer reads")
                    .where(kind.label())
                    .expected(kind.doc())
                    .found("a model without it")
                    .instead("leave " + kind.label() + " out");
        }
        return hooks;
    }

    private static Problem fixed(String kinds) {
        return Problem.invalid("these reducers read hooks of their own")
                .where("hooks")
                .expected("hooks of reducers that can be given some")
                .found(kinds)
                .instead("leave the hooks out");
    }

    /** Every hook that some of the reducers read, in the order in which data flows. */
    public static SortedSet<HookId> hooks(Collection<Reducer> reducers) {
        SortedSet<HookId> hooks = new TreeSet<>();
        reducers.forEach(r -> hooks.addAll(r.hooks()));
        return hooks;
    }
}
