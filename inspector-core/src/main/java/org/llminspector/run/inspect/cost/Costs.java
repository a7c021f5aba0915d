package org.llminspector.run.inspect.cost;

import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongPredicate;
import java.util.function.Supplier;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.Device;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.Part;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.Spread;
import org.llminspector.engine.cache.ConvState;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.run.models.Branches;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PassMemory;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;

/**
 * Parameters, FLOPs, bytes and memory of a model's parts, computed from its spec, and their measured times.
 * Thread-safe.
 */
public final class Costs {

    private static final int MOST_REPEATS = 64;
    private static final int MOST_CONTEXTS = 64;
    /** A prompt is read up to 3 times while all readings stay within this many positions; at least once. */
    private static final int READ_POSITIONS = 1_536;

    /**
     * Computed cost of one pass of {@code tokens} positions after {@code past} cached ones.
     *
     * @param engine the requested engine, device and number formats; it need not be open
     * @param parameters of the whole model
     * @param flops of the pass, as {@link PartCost} counts them
     * @param weightBytes read in the pass
     * @param cacheReadBytes cached keys and values that the pass reads
     * @param cacheWriteBytes keys and values that it appends
     * @param cache per layer, after the pass
     * @param contexts memory at other sequence lengths
     */
    public record Cost(
            String model,
            String engine,
            String device,
            PrecisionPlan plan,
            KvFormats kvCache,
            long past,
            long tokens,
            long parameters,
            long flops,
            long weightBytes,
            long cacheReadBytes,
            long cacheWriteBytes,
            List<PartCost> parts,
            List<LayerCache> cache,
            List<AtContext> contexts,
            Room room) {}

    /**
     * KV cache of one layer. A layer with a short convolution caches nothing per position; its heads are null.
     *
     * @param dLatent width of the latent vector that replaces the heads' keys and values (MLA); null without one
     * @param dShared width of the rotated key that all heads share (MLA)
     * @param window positions that a token attends to, itself included; null for all
     * @param bytesPerPosition n_kv_heads x (bytes of a key + bytes of a value), or bytes of latent vector and shared
     *     key
     * @param keptBytes allocated here: every position is kept
     * @param neededBytes enough for the architecture: the window only
     * @param convPast positions of which a short convolution keeps a vector of d_model, whatever the length; null
     *     without one
     * @param convStateBytes of those vectors, which are in none of the other numbers
     */
    public record LayerCache(
            int layer,
            Integer nHeads,
            Integer nKvHeads,
            Integer dHead,
            Integer dLatent,
            Integer dShared,
            Integer window,
            long bytesPerPosition,
            long keptBytes,
            long neededBytes,
            Integer convPast,
            Long convStateBytes) {}

    /**
     * Memory at one sequence length.
     *
     * @param keptBytes KV cache as allocated here
     * @param neededBytes KV cache if layers with a sliding window kept only the window
     * @param multiHeadBytes KV cache if every query head had its own key and value head
     * @param scratchBytes estimate of the other memory in use while a prompt of that length is read in one pass
     * @param fits whether weights, cache and scratch fit the device's memory
     */
    public record AtContext(
            long positions, long keptBytes, long neededBytes, long multiHeadBytes, long scratchBytes, boolean fits) {}

    /**
     * Memory that the machine, or its GPU, has for the model.
     *
     * @param memoryBytes all memory of the device; null where it is not known
     * @param freeBytes of a GPU
     * @param weightsBytes all weights in the precision asked for
     * @param held memory of the open model; null when it is not open in this form
     * @param maxContext most positions that the model reads
     * @param fitsPositions most positions whose cache and scratch fit with the weights; may exceed maxContext; null
     *     like memoryBytes
     */
    public record Room(
            Long memoryBytes, Long freeBytes, long weightsBytes, MemoryUse held, int maxContext, Long fitsPositions) {}

    /**
     * Measured time of a model's parts, for prefill and decode.
     *
     * @param engine in its hooked form
     * @param past positions in the cache before the first timed token
     * @param tokens greedy tokens that were read, one per pass
     * @param prefill {@code past} positions in one pass
     * @param decode one position per pass
     */
    public record Timeline(
            String model, EngineInfo engine, int past, List<Integer> tokens, Timed prefill, Timed decode) {}

    /**
     * Times of one kind of pass.
     *
     * @param positions per pass
     * @param hooked the pass in the hooked form, whose parts are timed one by one
     * @param fused the same pass in the fused form
     * @param parts in the order in which data flows
     */
    public record Timed(int positions, Spread hooked, Spread fused, List<TimedPart> parts) {}

    /** @param layer null outside the blocks */
    public record TimedPart(Part part, Integer layer, Spread ms) {}

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Supplier<String> standardModel;

    public Costs(
            OpenModels models, RunStore store, RunQueue queue, CaptureBudget budget, Supplier<String> standardModel) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
        this.standardModel = standardModel;
    }

    /**
     * Cost of a pass, computed from the spec; nothing is opened or run.
     *
     * @param request names model, engine, device and precision; its prompt is ignored
     * @param past positions in the cache; null for all of the context but one
     * @param tokens positions that the pass reads; null for one
     * @param contexts sequence lengths for the memory table; null for powers of two up to the model's context
     * @throws Problem INVALID for positions that the model does not have; UNSUPPORTED as for a run
     */
    public Cost cost(RunRequest request, Integer past, Integer tokens, List<Integer> contexts) {
        ModelFolder folder = models.folder(request.model() == null ? standardModel.get() : request.model());
        EngineKind kind = Engines.of(request.engine(), folder);
        String engine = kind.id();
        String device = kind.device(request.device() == null ? "auto" : request.device());
        DecoderSpec spec = folder.spec();
        PrecisionPlan plan = request.plan();
        kind.check(plan, spec);
        int n = tokens == null ? 1 : tokens;
        int before = past == null ? Math.max(0, spec.maxContext() - n) : past;
        if (n < 1 || before < 0 || (long) before + n > spec.maxContext()) {
            throw Problem.invalid("the model has no such positions")
                    .where("past, tokens")
                    .expected("past of at least 0, tokens of at least 1, together at most " + spec.maxContext())
                    .found(before + " and " + n);
        }
        KvFormats kv = kind.kvFormats(folder, device, plan);
        long parameters = PartCost.of(spec, kv, (m, in) -> 4, 0, 1).stream()
                .mapToLong(PartCost::parameters)
                .sum();
        EngineKind.WeightBytes bytes = kind.weightBytes(folder, device, plan, parameters);
        List<PartCost> parts = PartCost.of(spec, kv, bytes, before, n);
        Footprint footprint = new Footprint(spec, kv, kind, bytes, kind.ownEmbedding(folder, device, plan));
        Room room = room(folder, engine, device, plan, footprint);
        return new Cost(
                folder.slug(),
                engine,
                device,
                plan,
                kv,
                before,
                n,
                parameters,
                parts.stream().mapToLong(PartCost::flops).sum(),
                parts.stream().mapToLong(PartCost::weightBytes).sum(),
                parts.stream().mapToLong(PartCost::cacheReadBytes).sum(),
                parts.stream().mapToLong(PartCost::cacheWriteBytes).sum(),
                parts,
                footprint.layers(before + n),
                lengths(contexts, spec).stream()
                        .map(c -> footprint.at(c, room.memoryBytes()))
                        .toList(),
                room);
    }

    private static Set<Integer> lengths(List<Integer> contexts, DecoderSpec spec) {
        Set<Integer> lengths = new TreeSet<>();
        if (contexts == null) {
            for (int c = 64; c < spec.maxContext(); c *= 2) lengths.add(c);
            lengths.add(spec.maxContext());
            return lengths;
        }
        lengths.addAll(contexts);
        boolean wrong = lengths.stream().anyMatch(c -> c == null || c < 1);
        if (wrong || contexts.size() > MOST_CONTEXTS) {
            throw Problem.invalid("these are no lengths of a sequence")
                    .where("contexts")
                    .expected("at most " + MOST_CONTEXTS + " numbers of at least 1")
                    .found(contexts.size() > MOST_CONTEXTS ? contexts.size() : contexts);
        }
        return lengths;
    }

    private Room room(ModelFolder folder, String engine, String device, PrecisionPlan plan, Footprint footprint) {
        Device found = Engines.devices().stream()
                .filter(d -> d.id().equals(device))
                .findFirst()
                .orElse(null);
        Long memory = device.equals("cpu") ? systemMemory() : found == null ? null : found.memoryBytes();
        Long free = device.equals("cpu") || found == null ? null : found.freeBytes();
        MemoryUse held = models.holds().stream()
                .filter(h -> h.getKey().equals(folder.slug()))
                .map(Map.Entry::getValue)
                .filter(h -> h.engine().name().equals(engine)
                        && h.engine().device().equals(device)
                        && h.engine().precision() == plan.standard())
                .map(OpenModels.Held::memory)
                .findFirst()
                .orElse(null);
        Long fits = memory == null ? null : most(p -> footprint.total(p) <= memory);
        return new Room(memory, free, footprint.weights(), held, folder.spec().maxContext(), fits);
    }

    private static Long systemMemory() {
        OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
        return system instanceof com.sun.management.OperatingSystemMXBean s ? s.getTotalMemorySize() : null;
    }

    /** The largest number that satisfies the predicate; 0 when none does. */
    private static long most(LongPredicate fits) {
        long low = 0;
        long high = 1L << 32;
        while (low < high) {
            long middle = (low + high + 1) / 2;
            if (fits.test(middle)) low = middle;
            else high = middle - 1;
        }
        return low;
    }

    /** Memory of one model and engine, and of its KV cache at any length. */
    private record Footprint(
            DecoderSpec spec, KvFormats kv, EngineKind engine, EngineKind.WeightBytes bytes, boolean ownEmbedding) {

        /** All weights; a pass reads all of them but the embedding, of which it reads one row per token. */
        long weights() {
            List<PartCost> parts = PartCost.of(spec, kv, bytes, 0, 1);
            long read = parts.stream()
                    .filter(p -> p.part() != Part.EMBED)
                    .mapToLong(PartCost::weightBytes)
                    .sum();
            long table = !ownEmbedding
                    ? 0
                    : Math.round(spec.vocab() * (long) spec.tableWidth() * bytes.of("embed", spec.tableWidth()));
            long positions = spec.learnedPositions() ? 4L * spec.maxContext() * spec.dModel() : 0;
            return read + table + positions;
        }

        List<LayerCache> layers(long positions) {
            List<Long> kept = KvCacheReport.kept(spec, kv, positions);
            List<Long> needed = KvCacheReport.needed(spec, kv, positions);
            List<LayerCache> layers = new ArrayList<>();
            for (int i = 0; i < spec.nLayers(); i++) {
                LayerSpec layer = spec.layers().get(i);
                Attention a = layer.attends() ? layer.attention() : null;
                Latent l = a == null ? null : a.latent();
                layers.add(new LayerCache(
                        i,
                        a == null ? null : a.nHeads(),
                        a == null ? null : a.nKvHeads(),
                        a == null ? null : a.dHead(),
                        l == null ? null : l.dLatent(),
                        l == null ? null : a.rope().rotaryDims(),
                        a == null ? null : a.window(),
                        KvCacheReport.row(layer, kv),
                        kept.get(i),
                        needed.get(i),
                        a == null ? ConvState.past(layer) : null,
                        a == null ? ConvState.bytes(spec, layer) : null));
            }
            return layers;
        }

        private static long sum(List<Long> layers) {
            return layers.stream().mapToLong(Long::longValue).sum();
        }

        long kept(long positions) {
            return sum(KvCacheReport.kept(spec, kv, positions));
        }

        long total(long positions) {
            List<Long> states = ConvState.bytes(spec);
            return weights() + kept(positions) + (states == null ? 0 : sum(states)) + scratch(positions);
        }

        AtContext at(long positions, Long memory) {
            long multiHead =
                    spec.attentions().mapToLong(a -> multiHead(a) * positions).sum();
            return new AtContext(
                    positions,
                    kept(positions),
                    sum(KvCacheReport.needed(spec, kv, positions)),
                    multiHead,
                    scratch(positions),
                    memory == null || total(positions) <= memory);
        }

        /** Bytes per position where each head's key and value are cached. */
        private long multiHead(Attention a) {
            return a.nHeads() * (kv.key().bytes(a.dHead()) + kv.value().bytes(a.dValue()));
        }

        private long scratch(long n) {
            return PassMemory.scratch(spec, kv, n, n, engine, false, false);
        }
    }

    /**
     * Reads a prompt, then decodes greedily, and times each part.
     *
     * @param positions of the prompt: its tokens are repeated or cut to this length; null for its own length
     * @param repeats decoded tokens, one per pass; null for 16
     * @throws Problem as for a run; UNSUPPORTED for captures and changes, and on an engine that cannot time its parts
     */
    public Timeline timeline(RunRequest raw, Integer positions, Integer repeats) {
        PreparedRun run = prepared(raw);
        RunRequest r = run.request();
        if (!Engines.of(r.engine(), run.folder()).abilities().contains(EngineKind.Ability.PART_TIMES))
            throw Session.untimed();
        int n = repeats == null ? 16 : repeats;
        int context = run.folder().spec().maxContext();
        int past = positions == null ? Math.min(run.ids().length, context - n) : positions;
        if (n < 1 || n > MOST_REPEATS || past < 1 || past + n > context) {
            throw Problem.invalid("this many positions cannot be timed")
                    .where("positions, repeats")
                    .expected("repeats of 1 to " + MOST_REPEATS + ", positions of at least 1, together at most "
                            + context)
                    .found(past + " and " + n);
        }
        try (RunQueue.Place place = queue.enter("timeline", run.folder().slug());
                OpenModels.Lease lease =
                        models.lease(run.folder(), r.engine(), r.device(), r.plan(), place::cancelled)) {
            return place.call(() -> timeline(run, models.engine(run.folder(), r), filled(run.ids(), past), n));
        }
    }

    /** The checked run; captures and interventions are refused. */
    PreparedRun prepared(RunRequest raw) {
        RunRequest r = Branches.resolved(raw, store);
        boolean captures = r.capture() != null && !r.capture().isEmpty();
        boolean changes = r.interventions() != null && !r.interventions().isEmpty();
        if (captures || changes) {
            throw Problem.unsupported("what is timed is the model as it is")
                    .where(captures ? "capture" : "interventions")
                    .expected("none")
                    .instead("make a run of it: POST /api/v1/runs tells its times");
        }
        ModelFolder folder = models.folder(r.model() == null ? standardModel.get() : r.model());
        return PreparedRun.of(r, folder, budget, store);
    }

    /** The tokens, repeated or cut to {@code count}. */
    static int[] filled(int[] tokens, int count) {
        int[] filled = new int[count];
        for (int i = 0; i < count; i++) filled[i] = tokens[i % tokens.length];
        return filled;
    }

    private Timeline timeline(PreparedRun run, InspectorEngine engine, int[] prompt, int repeats) {
        int readings = Math.max(1, Math.min(3, READ_POSITIONS / prompt.length));
        List<Double> fastRead = new ArrayList<>();
        List<Double> fastSteps = new ArrayList<>();
        int[] next = new int[repeats];
        for (int i = 0; i <= readings; i++) { // the first one warms up
            queue.checkCancelled();
            try (Session session = engine.begin(SessionRequest.plain(prompt.length + repeats))) {
                long from = System.nanoTime();
                float[] logits = session.append(prompt.clone());
                if (i > 0) fastRead.add((System.nanoTime() - from) / 1e6);
                for (int t = 0; t < repeats; t++) {
                    next[t] = best(logits);
                    from = System.nanoTime();
                    logits = session.append(new int[] {next[t]});
                    if (i == readings) fastSteps.add((System.nanoTime() - from) / 1e6);
                }
            }
        }
        List<List<PartTime>> reads = new ArrayList<>();
        List<List<PartTime>> steps = new ArrayList<>();
        for (int i = 0; i <= readings; i++) {
            queue.checkCancelled();
            try (Session session = engine.begin(SessionRequest.plain(prompt.length + repeats))) {
                List<PartTime> read = session.timed(prompt.clone());
                if (i > 0) reads.add(read);
                for (int t = 0; t < repeats; t++) {
                    List<PartTime> step = session.timed(new int[] {next[t]});
                    if (i == readings) steps.add(step);
                }
            }
        }
        return new Timeline(
                run.folder().slug(),
                engine.info().withForm("hooked"),
                prompt.length,
                Arrays.stream(next).boxed().toList(),
                timed(prompt.length, reads, fastRead),
                timed(1, steps, fastSteps));
    }

    static int best(float[] logits) {
        int best = 0;
        for (int v = 1; v < logits.length; v++) if (logits[v] > logits[best]) best = v;
        return best;
    }

    private record Place(Part part, Integer layer) {}

    private static Timed timed(int positions, List<List<PartTime>> passes, List<Double> fast) {
        Map<Place, List<Double>> places = new LinkedHashMap<>();
        List<Double> wholes = new ArrayList<>();
        for (List<PartTime> pass : passes) {
            wholes.add(pass.stream().mapToDouble(PartTime::ms).sum());
            for (PartTime t : pass) {
                places.computeIfAbsent(new Place(t.part(), t.layer()), p -> new ArrayList<>())
                        .add(t.ms());
            }
        }
        List<TimedPart> parts = new ArrayList<>();
        places.forEach((place, ms) -> parts.add(new TimedPart(place.part(), place.layer(), Spread.of(ms))));
        return new Timed(positions, Spread.of(wholes), Spread.of(fast), parts);
    }
}
