package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionCheck;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/**
 * A run request validated against its model: prompt, hooks, interventions and their sources, most positions. All user
 * errors are refused here, before the run is queued.
 */
public record PreparedRun(
        RunRequest request,
        ModelFolder folder,
        Prompt prompt,
        GenerateOptions options,
        int maxPositions,
        SortedSet<HookId> hooks,
        List<Intervention> interventions,
        List<Map<HookId, Tensor>> sources,
        SortedSet<HookId> frozen) {

    public static PreparedRun of(RunRequest raw, ModelFolder folder, CaptureBudget budget, RunStore store) {
        RunRequest request = withDefaults(raw, folder);
        DecoderSpec spec = folder.spec();
        Engines.of(request.engine(), folder).check(request.plan(), spec);
        Prompt prompt = Prompt.of(request, folder);
        GenerateOptions options =
                request.generate() == null ? null : request.generate().withDefaults();
        SortedSet<HookId> hooks = folder.hooks(request.capture());
        folder.capabilities()
                .interventionRefusal()
                .filter(why -> !request.interventions().isEmpty())
                .ifPresent(why -> {
                    throw why;
                });
        long wanted = prompt.tokens().size() + (options == null ? 0L : options.maxNewTokens());
        InterventionCheck.check(spec, request.interventions(), (int) Math.min(wanted, spec.maxContext()));
        SortedSet<HookId> frozen = new TreeSet<>();
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        for (int i = 0; i < request.interventions().size(); i++) {
            Intervention v = request.interventions().get(i);
            SortedSet<HookId> targets = HookPatterns.match(spec, List.of(v.hook()));
            if (v.op() == Intervention.Op.FREEZE) frozen.addAll(targets);
            sources.add(
                    v.from() == null ? Map.of() : sources(spec, v, targets, store, "interventions[" + i + "].from"));
        }
        TreeSet<HookId> kept = new TreeSet<>(hooks);
        kept.addAll(frozen);
        budget.check(spec, kept, Math.min(wanted, spec.maxContext()));
        int maxPositions = new MaxPositions(folder, request, kept)
                .positions(prompt.tokens().size(), wanted);
        return new PreparedRun(
                request, folder, prompt, options, maxPositions, hooks, request.interventions(), sources, frozen);
    }

    public List<Token> tokens() {
        return prompt.tokens();
    }

    public int[] ids() {
        return tokens().stream().mapToInt(Token::id).toArray();
    }

    /** Whether an intervention depends on the prompt's positions; then a KV cache cannot be shared between prompts. */
    public boolean dependsOnPrompt() {
        return interventions.stream().anyMatch(v -> v.op().dependsOnPrompt());
    }

    /**
     * Whether an intervention takes a mean, which is over the positions of a session's first pass, the whole prompt.
     */
    public boolean takesMean() {
        return interventions.stream().anyMatch(v -> v.op() == Intervention.Op.MEAN);
    }

    /** The same run, limited to its first tokens. */
    public PreparedRun reading(int first) {
        Prompt read = new Prompt(null, tokens().subList(0, first));
        return new PreparedRun(request, folder, read, options, maxPositions, hooks, interventions, sources, frozen);
    }

    /** The values of these tokens without interventions, at the hooks to be frozen. */
    public Capture clean(InspectorEngine engine, int[] ids) {
        if (frozen.isEmpty()) return new Capture(new TreeMap<>());
        try (Session session = engine.begin(new SessionRequest(ids.length, frozen, List.of(), List.of()))) {
            session.append(ids.clone());
            return session.capture();
        }
    }

    /**
     * Source values of the interventions: other runs' captures, looked up before; for freeze, the clean pass over the
     * same tokens.
     */
    public List<Map<HookId, Tensor>> sources(Capture clean) {
        List<Map<HookId, Tensor>> all = new ArrayList<>();
        for (int i = 0; i < interventions.size(); i++) {
            all.add(interventions.get(i).op() == Intervention.Op.FREEZE ? clean.tensors() : sources.get(i));
        }
        return all;
    }

    /** The request with the model's slug, and the defaults of engine, device, plan and lists. */
    public static RunRequest withDefaults(RunRequest r, ModelFolder folder) {
        return r.toBuilder()
                .model(folder.slug())
                .engine(Engines.of(r.engine(), folder).id())
                .device(r.device() == null ? "auto" : r.device())
                .precision(r.plan().standard())
                .addSpecialTokens(r.addSpecialTokens() == null ? r.messages() == null : r.addSpecialTokens())
                .capture(r.capture() == null ? List.of() : r.capture())
                .interventions(r.interventions() == null ? List.of() : r.interventions())
                .build();
    }

    private static Map<HookId, Tensor> sources(
            DecoderSpec spec, Intervention v, SortedSet<HookId> targets, RunStore store, String at) {
        if (v.from().run() == null) {
            throw Problem.invalid("the intervention is incomplete")
                    .where(at + ".run")
                    .expected("a run's id");
        }
        Map<HookId, Tensor> sources = new HashMap<>();
        for (HookId target : targets) {
            HookId hook =
                    v.from().hook() == null ? target : HookId.parse(v.from().hook());
            Tensor tensor = store.capture(v.from().run(), hook);
            long[] shape = tensor.shape();
            long[] fits = HookShape.of(target.point(), spec, Math.max(0, target.layer()), 1, 1);
            boolean same = shape.length == fits.length
                    && hook.point().axes().equals(target.point().axes());
            for (int a = 0; same && a < fits.length; a++) {
                same = target.point().axes().get(a).grows() || shape[a] == fits[a];
            }
            if (target.point() == HookPoint.EXPERT_INDICES) {
                int experts = spec.layers().get(target.layer()).mlp().experts().count();
                for (float n : tensor.toFloats()) same &= n >= 0 && n < experts && n == Math.rint(n);
            }
            if (!same) {
                throw Problem.invalid("the other run's value does not fit the hook")
                        .where(at + ": " + hook + " into " + target)
                        .expected(
                                target.point().axes().stream().map(Axis::label).toList() + " of "
                                        + java.util.Arrays.toString(fits))
                        .found(java.util.Arrays.toString(shape));
            }
            sources.put(target, tensor);
        }
        return sources;
    }
}
