package org.llminspector.run.inspect.heads;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.analysis.HeadProfile;
import org.llminspector.analysis.MaxPool;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.tokenize.Token;

/**
 * Views over all attention heads of a run: head scores, pattern thumbnails. Patterns that the run
 * lacks are recomputed layer by layer and not stored. Thread-safe.
 */
public final class Heads {

    /** Scores of each attention head of a run, layer by layer. */
    public record Profiles(String run, List<HeadProfile> heads) {}

    /**
     * Head scores on a sequence of random tokens that is repeated once.
     *
     * @param seed of the random tokens
     * @param tokens the sequence: BOS where the model has one, then the random tokens twice
     */
    public record Repeated(String model, long seed, List<Integer> tokens, List<HeadProfile> heads) {}

    /** Default number of random tokens; twice as many are read. */
    private static final int REPEATED = 50;

    private static final int MOST_REPEATED = 500;
    /** Side length, in cells, to which whole patterns are pooled in the cache. */
    private static final int WHOLE = 256;
    /** Default side length of a thumbnail, in cells. */
    public static final int THUMBNAIL = 32;

    /** Most runs whose profiles are cached. */
    private static final int REMEMBERED = 8;
    /** Most weights of cached patterns. */
    private static final long MOST_WEIGHTS = 1 << 25;

    private static final int MOST_TOKENS_SQUARED = 8192;

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final Recaptures recaptures;
    private final Cache<List<Object>, Summary> facts = Caffeine.newBuilder()
            .executor(Runnable::run)
            .maximumSize(REMEMBERED)
            .build();
    /** In order of access: a pattern costs a pass of the model, and can be larger than all others (RecencyTest). */
    private final Map<List<Object>, float[]> squares = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<List<Object>, float[]> eldest) {
            return size() > 1 && values().stream().mapToLong(s -> s.length).sum() > MOST_WEIGHTS;
        }
    };

    /** Every head's pattern pooled to at most {@link #WHOLE} cells per side, of the run viewed last. */
    private volatile Wholes wholes = new Wholes("", new float[0][][]);

    /** @param thumbnails [layer * head], each side x side */
    private record Summary(List<HeadProfile> profiles, float[][] thumbnails) {}

    /** @param squares [layer][head], each side x side; empty where all together would be too large */
    private record Wholes(String run, float[][][] squares) {}

    public Heads(OpenModels models, RunStore store, RunQueue queue, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.recaptures = recaptures;
    }

    /**
     * Scores of every head of a run.
     *
     * @throws Problem INVALID for fewer than three tokens; UNSUPPORTED where the model has no pattern hook
     */
    public Profiles profiles(String runId) {
        return new Profiles(runId, facts(runId, null).profiles());
    }

    /**
     * Every head's pattern, max-pooled.
     *
     * @param size most cells per side; shorter texts are not pooled
     * @return [layer, head, query, key], of the layers that have heads
     * @throws Problem as for a recapture; TOO_LARGE where the patterns do not fit the budget; UNSUPPORTED where the
     *     model has no pattern hook
     */
    public Tensor thumbnails(String runId, int size) {
        DecoderSpec spec = models.folder(store.manifest(runId).model().slug()).spec();
        float[][] all = facts(runId, size).thumbnails();
        int layers = spec.attending().size();
        int cells = all[0].length;
        int side = (int) Math.round(Math.sqrt(cells));
        float[] values = new float[Math.multiplyExact(all.length, cells)];
        for (int h = 0; h < all.length; h++) System.arraycopy(all[h], 0, values, h * cells, cells);
        return Tensor.of(values, layers, all.length / layers, side, side);
    }

    private Summary facts(String runId, Integer size) {
        RunManifest run = store.manifest(runId);
        for (List<Object> key : facts.asMap().keySet()) {
            boolean fits = size == null || size.equals(key.get(1));
            Summary known = fits && key.get(0).equals(runId) ? facts.getIfPresent(key) : null;
            if (known != null) return known;
        }
        int side = size == null ? THUMBNAIL : size;
        int[] tokens = tokens(run);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        List<List<HeadProfile>> profiles = new ArrayList<>();
        List<float[][]> thumbnails = new ArrayList<>();
        long cells = spec.attentions().mapToLong(Attention::nHeads).sum()
                * (long) Math.pow(MaxPool.side(tokens.length, WHOLE), 2);
        float[][][] large = new float[cells <= MOST_WEIGHTS ? spec.nLayers() : 0][][];
        for (int layer = 0; layer < spec.nLayers(); layer++) {
            profiles.add(List.of());
            LayerSpec block = spec.layers().get(layer);
            int heads = block.attends() ? block.attention().nHeads() : 0;
            thumbnails.add(new float[heads][]);
            if (large.length > 0) large[layer] = new float[heads][];
        }
        int[] whole = {0, tokens.length};
        recaptures.values(run, layers(spec), (hook, pattern) -> {
            float[][] small = thumbnails.get(hook.layer());
            profiles.set(hook.layer(), HeadProfile.of(hook.layer(), pattern, tokens, (head, square) -> {
                small[head] = MaxPool.of(square, tokens.length, whole, whole, side);
                if (large.length > 0)
                    large[hook.layer()][head] = MaxPool.of(square, tokens.length, whole, whole, WHOLE);
            }));
        });
        Summary made = new Summary(
                profiles.stream().flatMap(List::stream).toList(),
                thumbnails.stream().flatMap(Arrays::stream).toArray(float[][]::new));
        facts.put(List.of(runId, side), made);
        wholes = new Wholes(runId, large);
        return made;
    }

    /**
     * A tile of one head's pattern, max-pooled to at most {@code most} values per side.
     *
     * @param queries slice; {@link Slice#ALL} for all
     * @param keys the same
     * @return [query, key]
     * @throws Problem as {@link #thumbnails}; INVALID for a layer, a head or a slice that the run does not have
     */
    public Tensor tile(String runId, int layer, int head, Slice queries, Slice keys, int most) {
        RunManifest run = store.manifest(runId);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        Bounds.within(head, Bounds.attention(spec, layer).nHeads(), "head");
        int n = run.positions();
        int[] rows = queries.on(n, "query");
        int[] cols = keys.on(n, "key");
        boolean whole = rows[1] - rows[0] == n && cols[1] - cols[0] == n;
        float[] small = whole && most == WHOLE ? known(runId, layer, head) : null;
        if (small == null) small = MaxPool.of(square(run, layer, head), n, rows, cols, most);
        return Tensor.of(small, MaxPool.side(rows[1] - rows[0], most), MaxPool.side(cols[1] - cols[0], most));
    }

    private float[] known(String runId, int layer, int head) {
        Wholes last = wholes;
        return last.run().equals(runId) && last.squares().length > 0 ? last.squares()[layer][head] : null;
    }

    /** One head's whole pattern, cached for neighbouring tiles. */
    private float[] square(RunManifest run, int layer, int head) {
        List<Object> key = List.of(run.id(), layer, head);
        synchronized (squares) {
            float[] known = squares.get(key);
            if (known != null) return known;
        }
        int n = tokens(run).length;
        float[] square = new float[n * n];
        HookId hook = HookId.of(HookPoint.PATTERN, layer);
        recaptures.values(run, List.of(hook), (h, pattern) -> pattern.toFloats((long) head * n * n, square, n * n));
        synchronized (squares) {
            squares.put(key, square);
        }
        return square;
    }

    private static List<HookId> layers(DecoderSpec spec) {
        if (spec.attending().isEmpty()) {
            throw Problem.unsupported("this model has no heads of attention")
                    .where("layers")
                    .expected("a model whose layers have attention")
                    .instead("a recurrent layer's weights are GET /runs/{id}/effective/{layer}");
        }
        return spec.attending().stream()
                .map(i -> HookId.of(HookPoint.PATTERN, i))
                .toList();
    }

    /** Ids at the run's positions; the last generated token was never fed back and has no position. */
    private static int[] tokens(RunManifest run) {
        int n = run.positions();
        if (n <= MOST_TOKENS_SQUARED) {
            return run.tokens().stream().limit(n).mapToInt(Token::id).toArray();
        }
        throw Problem.tooLarge("a pattern has a weight for every two tokens, and the run has too many for that")
                .where("run " + run.id())
                .expected("at most " + MOST_TOKENS_SQUARED + " tokens")
                .found(n)
                .instead("capture blocks.{i}.attn.hook_pattern of some layers with `positions`");
    }

    /**
     * Head scores on random tokens repeated once, where only heads that look back to the earlier occurrence can predict
     * what follows.
     *
     * @param slug the model
     * @param engine null for the default
     * @param length random tokens, before they are repeated; null for 50, or as many as fit the model's context twice
     * @throws Problem as for a run; INVALID for a length that does not fit twice; UNSUPPORTED where the model has no
     *     pattern hook
     */
    public Repeated repeated(String slug, String engine, PrecisionPlan plan, long seed, Integer length) {
        ModelFolder folder = models.folder(slug);
        int[] tokens = repeatedTokens(folder, seed, length);
        List<HookId> hooks = layers(folder.spec());
        SortedSet<HookId> patterns =
                folder.hooks(hooks.stream().map(HookId::name).toList());
        String with = Engines.of(engine, folder).id();
        List<HeadProfile> heads = new ArrayList<>();
        try (RunQueue.Place place = queue.enter("repeated tokens", folder.slug());
                OpenModels.Lease lease = models.lease(folder, with, "auto", plan, place::cancelled)) {
            place.call(() -> {
                SessionRequest request = new SessionRequest(tokens.length, patterns, List.of(), List.of());
                try (Session session = models.engine(folder, with, "auto", plan).begin(request)) {
                    session.append(tokens.clone());
                    try (Capture capture = session.capture()) {
                        for (HookId hook : patterns) {
                            heads.addAll(HeadProfile.of(hook.layer(), capture.get(hook), tokens, (head, square) -> {}));
                        }
                    }
                }
                return null;
            });
        }
        return new Repeated(slug, seed, IntStream.of(tokens).boxed().toList(), heads);
    }

    /** Distinct random ids, control tokens excluded, since a model has hardly seen them inside a text. */
    private static int[] repeatedTokens(ModelFolder folder, long seed, Integer wanted) {
        int[] begin = folder.tokenizer() == null
                ? new int[0]
                : folder.tokenizer().encode("", true).stream()
                        .limit(1)
                        .mapToInt(Token::id)
                        .toArray();
        int most = Math.min(
                MOST_REPEATED,
                Math.min(folder.spec().vocab() / 2, (folder.spec().maxContext() - begin.length) / 2));
        int length = wanted == null ? Math.min(REPEATED, most) : wanted;
        if (length < 2 || length > most) {
            throw Problem.invalid("this many random tokens, twice, do not fit")
                    .where("length")
                    .expected("2 to " + most)
                    .found(length);
        }
        Random random = new Random(seed);
        int[] once = random.ints(0, folder.spec().vocab())
                .filter(id -> folder.tokenizer() == null || !folder.token(id).special())
                .distinct()
                .limit(length)
                .toArray();
        return Stream.of(begin, once, once).flatMapToInt(IntStream::of).toArray();
    }
}
