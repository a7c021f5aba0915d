package org.llminspector.analysis.reduce;

import static org.llminspector.hook.HookPoint.*;

import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** Kinds of reducers: what a sweep over a corpus can keep. */
@SuppressWarnings("ImmutableEnumChecker") // static methods and constructors
public enum ReducerKind {
    MOMENTS(
            "count, mean, variance, least and largest value of each channel of a hook",
            EnumSet.of(RESID_PRE, RESID_POST, ATTN_OUT, CONV_OUT, SSM_OUT, MLP_OUT, MLP_POST, LN_FINAL_OUT),
            HookSizes::byPosition,
            "a hook with an axis pos",
            (model, hooks) -> new Moments(model.spec(), hooks)),
    LOSS(
            "loss of the corpus's tokens by position, by token and by window",
            spec -> of(EnumSet.of(LOGITS), spec),
            (model, hooks) -> new Loss(model.spec())),
    TOP(
            "the largest and smallest values of each neuron, head or expert, with window and position",
            EnumSet.of(MLP_POST, SHARED_POST, EXPERT_GATES, RESULT),
            TopExamples::takes,
            "a hook [batch, pos, ...] without an axis slot",
            (model, hooks) -> new TopExamples(model.spec(), hooks, TopExamples.K)),
    HISTOGRAM(
            "a histogram in buckets of log2, of a hook and of each of its channels: quantiles and firing rates",
            EnumSet.of(MLP_POST, SHARED_POST, RESID_POST),
            HookSizes::byPosition,
            "a hook with an axis pos",
            (model, hooks) -> new Histogram(model.spec(), hooks)),
    IMATRIX(
            "sums of squares of what each matrix reads, by input channel: imatrix.gguf for llama-quantize",
            spec -> new InputSquares(SweptModel.of(spec)).hooks(),
            (model, hooks) -> new InputSquares(model)),
    HEADS(
            "what each attention head does in general: attention to the token before, the first one, itself, earlier"
                    + " occurrences and what followed them; entropy",
            HeadRoles::hooks,
            (model, hooks) -> new HeadRoles(model.spec())),
    ROUTER(
            "load of each expert, entropy of the router, experts that get the same tokens, and which tokens",
            RouterLoads::hooks,
            (model, hooks) -> new RouterLoads(model.spec())),
    LENS(
            "loss by layer through the logit lens, and how often the most probable token is the final one already",
            LayerLens::hooks,
            (model, hooks) -> new LayerLens(model)),
    COVARIANCE(
            "mean and covariance of a named hook's channels",
            EnumSet.noneOf(HookPoint.class),
            HookSizes::byPosition,
            "a hook with an axis pos",
            (model, hooks) -> new Covariance(model.spec(), hooks)),
    LOGLIKELIHOOD(
            "log-probability of each continuation of a .jsonl of tasks, and whether greedy decoding would say it",
            spec -> of(EnumSet.of(LOGITS), spec),
            (model, hooks) -> new LogLikelihood());

    private final String doc;
    private final Function<DecoderSpec, SortedSet<HookId>> hooks;
    private final Predicate<HookId> takes; // null where its hooks are not to be chosen
    private final String expected;
    private final BiFunction<SweptModel, SortedSet<HookId>, Reducer> make;

    /** Of hooks that a request can choose. */
    ReducerKind(
            String doc,
            EnumSet<HookPoint> points,
            Predicate<HookId> takes,
            String expected,
            BiFunction<SweptModel, SortedSet<HookId>, Reducer> make) {
        this.doc = doc;
        this.hooks = spec -> of(points, spec);
        this.takes = takes;
        this.expected = expected;
        this.make = make;
    }

    /** Of hooks of its own. */
    ReducerKind(
            String doc,
            Function<DecoderSpec, SortedSet<HookId>> hooks,
            BiFunction<SweptModel, SortedSet<HookId>, Reducer> make) {
        this.doc = doc;
        this.hooks = hooks;
        this.takes = null;
        this.expected = null;
        this.make = make;
    }

    /** The hooks of these points; of the stream before layers only the first. */
    private static SortedSet<HookId> of(EnumSet<HookPoint> points, DecoderSpec spec) {
        SortedSet<HookId> hooks = new TreeSet<>(HookPatterns.all(spec));
        hooks.removeIf(h -> !points.contains(h.point()) || (h.point() == RESID_PRE && h.layer() > 0));
        return hooks;
    }

    /** The name in requests, and the first part of its tensors' names. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    public String doc() {
        return doc;
    }

    /** Whether a request can choose its hooks. */
    public boolean choosesHooks() {
        return takes != null;
    }

    /** The hooks that it reads unless a request chooses others; empty where the model has none of them. */
    public SortedSet<HookId> hooks(DecoderSpec spec) {
        return hooks.apply(spec);
    }

    /** Refuses a hook that it cannot take. */
    void check(HookId hook) {
        if (takes.test(hook)) return;
        throw Problem.invalid("this hook cannot be reduced so")
                .where(label() + ":" + hook)
                .expected(expected)
                .found("axes " + hook.point().axes())
                .instead("leave the hooks out, and its own are taken");
    }

    Reducer make(SweptModel model, SortedSet<HookId> hooks) {
        return make.apply(model, hooks);
    }

    /** @throws Problem for an unknown name, with the closest ones */
    public static ReducerKind named(String name) {
        List<String> names = new java.util.ArrayList<>();
        for (ReducerKind kind : values()) {
            if (kind.label().equals(name)) return kind;
            names.add(kind.label());
        }
        throw Problem.invalid("no such reducer")
                .where("reduce")
                .expected("one of " + String.join(", ", names))
                .found(Problem.shown(name))
                .instead("closest: " + String.join(", ", Names.closest(name, names)));
    }
}
