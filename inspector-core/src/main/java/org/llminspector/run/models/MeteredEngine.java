package org.llminspector.run.models;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import java.util.function.ToLongFunction;
import org.llminspector.base.Tensor;
import org.llminspector.base.platform.Trim;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Batch;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.work.MemoryLedger;

/**
 * Engine whose sequences, variants and gradients reserve their memory in the ledger first, and are refused where it
 * does not fit. Captured values count as the engine's own memory once they are allocated.
 */
final class MeteredEngine extends ForwardingEngine {

    private static final String SHORTER =
            "shorten the prompt, ask for fewer new tokens (max_new_tokens), capture less, or raise" + " --memory";

    private static final String FEWER = "take fewer or shorter rows, capture less, or raise --memory";

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    private final EngineKind kind;
    private final MemoryLedger ledger;
    private final String slug;
    private final KvFormats formats;
    private final long parameters;
    private final ToLongFunction<PrecisionPlan> estimate;
    private final MemoryLedger.Reservation own; // null except in a variant

    /**
     * @param formats of its sequences' KV caches
     * @param parameters of the model
     * @param estimate bytes of the same model under another plan
     */
    MeteredEngine(
            InspectorEngine engine,
            EngineKind kind,
            MemoryLedger ledger,
            String slug,
            KvFormats formats,
            long parameters,
            ToLongFunction<PrecisionPlan> estimate) {
        this(engine, kind, ledger, slug, formats, parameters, estimate, null);
    }

    private MeteredEngine(
            InspectorEngine engine,
            EngineKind kind,
            MemoryLedger ledger,
            String slug,
            KvFormats formats,
            long parameters,
            ToLongFunction<PrecisionPlan> estimate,
            MemoryLedger.Reservation own) {
        super(engine);
        this.kind = kind;
        this.ledger = ledger;
        this.slug = slug;
        this.formats = formats;
        this.parameters = parameters;
        this.estimate = estimate;
        this.own = own;
    }

    private boolean onHost() {
        return engine.info().device().equals("cpu");
    }

    @Override
    public InspectorEngine withKvFormats(KvFormats other) {
        return new MeteredEngine(engine.withKvFormats(other), kind, ledger, slug, other, parameters, estimate);
    }

    @Override
    public Session begin(SessionRequest request) {
        long cache = onHost() ? cache(request) : 0;
        long captured = CaptureBudget.bytes(spec(), request.hooks(), request.maxPositions());
        MemoryLedger.Reservation reservation = ledger.reserve(
                "sequence", slug, cache + captured, request.maxPositions() + " positions of " + slug, SHORTER);
        try {
            Session session = engine.begin(request);
            reservation.shrink(cache); // the captures' memory now belongs to the engine and is counted there
            return new Metered(session, reservation, request.hooks().contains(LOGITS));
        } catch (RuntimeException | Error e) {
            reservation.close();
            throw e;
        }
    }

    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        boolean logits = batch.request().hooks().contains(LOGITS);
        long row = PassMemory.scratch(spec(), KvFormats.FP32, batch.length(), batch.length(), kind, true, logits);
        long values = CaptureBudget.bytes(spec(), batch.request().hooks(), batch.length());
        String what = "a batch of " + batch.size() + " rows of " + batch.length() + " positions of " + slug;
        try (MemoryLedger.Reservation pass =
                ledger.reserve("batch", slug, onHost() ? batch.size() * (row + values) : 0, what, FEWER)) {
            engine.run(batch, visitor);
        }
    }

    private long cache(SessionRequest request) {
        Set<HookId> changed = new HashSet<>();
        for (Intervention v : request.interventions()) {
            changed.addAll(HookPatterns.match(spec(), List.of(v.hook())));
        }
        return PassMemory.cache(KvShape.of(spec(), changed), formats, request.maxPositions());
    }

    @Override
    public InspectorEngine variant(PrecisionPlan plan) {
        MemoryLedger.Reservation reservation = ledger.reserve(
                "variant",
                slug,
                estimate.applyAsLong(plan),
                slug + " under another precision plan",
                "close other models, compare in one precision, or raise --memory");
        try {
            return new MeteredEngine(
                    engine.variant(plan), kind, ledger, slug, formats, parameters, estimate, reservation);
        } catch (RuntimeException | Error e) {
            reservation.close();
            throw e;
        }
    }

    @Override
    public Gradients gradients(GradientRequest request) {
        int n = request.tokens().length;
        int copies = request.parameters() ? 2 : exact();
        try (MemoryLedger.Reservation reservation = backward(n, n, copies)) {
            return engine.gradients(request);
        }
    }

    @Override
    public SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        try (MemoryLedger.Reservation reservation = backward(batch.size() * batch.length(), batch.length(), exact())) {
            return engine.pullback(batch, of, cotangent);
        }
    }

    /** Copies of the weights that a backward pass by activations makes in float32. */
    private int exact() {
        return info().precision() == Precision.FP32 ? 0 : 1;
    }

    private MemoryLedger.Reservation backward(int n, int keys, int copies) {
        long values = PassMemory.gradients(spec(), n, keys);
        long weights = copies * parameters * Float.BYTES;
        return ledger.reserve(
                "gradients",
                slug,
                onHost() ? values + weights : 0,
                "gradients of " + n + " tokens of " + slug,
                "shorten the prompt, take a smaller model, or raise --memory");
    }

    @Override
    public void close() {
        engine.close();
        if (own == null) return;
        Trim.memory(); // before the reservation ends: malloc retains memory that ONNX Runtime freed
        own.close();
    }

    /** Sequence whose reservation ends with it; a pass whose scratch memory does not fit is refused. */
    private final class Metered extends ForwardingSession {
        private final MemoryLedger.Reservation reservation;
        private final boolean logits; // of all positions are captured

        Metered(Session session, MemoryLedger.Reservation reservation, boolean logits) {
            super(session);
            this.reservation = reservation;
            this.logits = logits;
        }

        /** Scratch reservation of a pass; null for a single token, whose scratch is within the budget's rounding. */
        private MemoryLedger.Reservation pass(int n, boolean allLogits) {
            if (n == 1) return null;
            boolean hooked = !session.form().equals("fused");
            long scratch = PassMemory.scratch(spec(), formats, n, (long) session.length() + n, kind, hooked, allLogits);
            return ledger.reserve(
                    "pass", slug, onHost() ? scratch : 0, "a pass over " + n + " positions of " + slug, SHORTER);
        }

        @Override
        public float[] append(int[] tokens) {
            try (MemoryLedger.Reservation pass = pass(tokens.length, logits)) {
                return session.append(tokens);
            }
        }

        @Override
        public List<PartTime> timed(int[] tokens) {
            try (MemoryLedger.Reservation pass = pass(tokens.length, logits)) {
                return session.timed(tokens);
            }
        }

        @Override
        public boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
            try (MemoryLedger.Reservation pass = pass(tokens.length, logits || hooks.contains(LOGITS))) {
                return session.visit(tokens, hooks, visitor);
            }
        }

        @Override
        public void close() {
            try {
                session.close();
            } finally {
                reservation.close();
            }
        }
    }
}
