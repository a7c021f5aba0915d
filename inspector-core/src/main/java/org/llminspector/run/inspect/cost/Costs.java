package org.llminspector.run.inspect.cost;

import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongPredicate;
import java.util.function.Supplier;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.Problem;
import org.llminspector.engine.Device;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.Part;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PassMemory;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;

/**
 * Parameters, FLOPs, bytes and memory of a model's parts, computed from its spec. Thread-safe.
 */
public final class Costs {

    private static final int MOST_CONTEXTS = 64;
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

    private final OpenModels models;
    private final Supplier<String> standardModel;

    public Costs(OpenModels models, Supplier<String> standardModel) {
        this.models = models;
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
        MemoryUse memoryUse = models.memoryByModel().stream()
                .filter(h -> h.getKey().equals(folder.slug()))
                .map(Map.Entry::getValue)
                .filter(h -> h.engine().name().equals(engine)
                        && h.engine().device().equals(device)
                        && h.engine().precision() == plan.standard())
                .map(OpenModels.EngineMemory::memory)
                .findFirst()
                .orElse(null);
        Long fits = memory == null ? null : most(p -> footprint.total(p) <= memory);
        return new Room(
                memory, free, footprint.weights(), memoryUse, folder.spec().maxContext(), fits);
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
            List<Long> kept = KvCacheReport.allPositions(spec, kv, positions);
            List<Long> needed = KvCacheReport.windowedPositions(spec, kv, positions);
            List<LayerCache> layers = new ArrayList<>();
            for (int i = 0; i < spec.nLayers(); i++) {
                LayerSpec layer = spec.layers().get(i);
                Attention a = layer.attends() ? layer.attention() : null;
                Latent l = a == null ? null : a.latent();
                LayerState state = LayerState.of(spec, layer);
                layers.add(new LayerCache(
                        i,
                        a == null ? null : a.nHeads(),
                        a == null ? null : a.nKvHeads(),
                        a == null ? null : a.dHead(),
                        l == null ? null : l.dLatent(),
                        l == null ? null : l.dShared(),
                        a == null ? null : a.window(),
                        KvCacheReport.row(layer, kv),
                        kept.get(i),
                        needed.get(i),
                        state.past() == 0 ? null : state.past(),
                        state.bytes() == 0 ? null : state.bytes()));
            }
            return layers;
        }

        private static long sum(List<Long> layers) {
            return layers.stream().mapToLong(Long::longValue).sum();
        }

        long kept(long positions) {
            return sum(KvCacheReport.allPositions(spec, kv, positions));
        }

        long total(long positions) {
            List<Long> states = LayerState.bytes(spec);
            return weights() + kept(positions) + (states == null ? 0 : sum(states)) + scratch(positions);
        }

        AtContext at(long positions, Long memory) {
            long multiHead =
                    spec.attentions().mapToLong(a -> multiHead(a) * positions).sum();
            return new AtContext(
                    positions,
                    kept(positions),
                    sum(KvCacheReport.windowedPositions(spec, kv, positions)),
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
}
