package org.llminspector.run.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.ModelCapabilities;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.exported.ExportedHooks;
import org.llminspector.engine.exported.ExportedSpec;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.local.ModelCache;
import org.llminspector.run.store.RunManifest;
import org.llminspector.sandbox.Probes;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** ModelFolder is one model on disk, its files mapped and its config understood; no engine holds it yet. */
public final class ModelFolder implements AutoCloseable, EngineKind.Source {

    private static final Logger LOG = LoggerFactory.getLogger(ModelFolder.class);

    /** Bytes of the memory budget left for a model's sequences when nothing else is open. */
    @FunctionalInterface
    interface Room {
        long bytes(ModelFolder folder, EngineKind engine, PrecisionPlan plan);
    }

    private final ModelCache.Found found;
    private final Probes probes;
    private final Room room;
    private final Checkpoint checkpoint;
    private final DecoderSpec spec;
    private final Weights weights; // null for an exported graph
    private final ModelCapabilities capabilities;
    private Tokenizer tokenizer; // opened on first use
    private Optional<ChatTemplate> chatTemplate; // opened on first use
    private final WeightHash hash;
    private CompletableFuture<Void> afterHash = CompletableFuture.completedFuture(null);

    /** @param room bytes of the memory budget left by the weights, per engine and plan */
    ModelFolder(ModelCache.Found found, Probes probes, Room room) {
        this.found = found;
        this.probes = probes;
        this.room = room;
        this.checkpoint = Checkpoint.open(found.dir());
        this.hash = new WeightHash(checkpoint);
        try {
            OnnxFile graph = checkpoint.onnx().orElse(null);
            this.weights = graph == null ? Family.open(checkpoint) : null;
            this.spec = graph == null ? weights.spec() : ExportedSpec.of(checkpoint);
            this.capabilities = graph == null ? ModelCapabilities.ALL : new ExportedHooks(graph, spec);
        } catch (RuntimeException e) {
            checkpoint.close();
            throw e;
        }
        for (Path file : checkpoint.exposed()) {
            LOG.warn(
                    "{} is read in place without a lease: writing over it or truncating it while the model is open may end"
                            + " this process; replace it by renaming",
                    file);
        }
    }

    public String slug() {
        return found.slug();
    }

    public ModelCache.Found found() {
        return found;
    }

    @Override
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /** The canonical weights; an exported graph has none. */
    @Override
    public Weights weights() {
        if (weights != null) return weights;
        throw Problem.unsupported("an exported ONNX graph does not say which of its weights is which")
                .where(slug())
                .instead("open the model's safetensors or GGUF; the graph's own tensors are listed under its tensors");
    }

    /** Bytes that an engine reads when it opens the model. */
    long bytesToRead() {
        return weights == null ? checkpoint.bytes() : weights.storedBytes();
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    /** Bytes of the memory budget that sequences of this model may take, beside its weights, when nothing else is open. */
    long room(EngineKind engine, PrecisionPlan plan) {
        return room.bytes(this, engine, plan);
    }

    /** The model's capabilities, independent of the engine. */
    public ModelCapabilities capabilities() {
        return capabilities;
    }

    /** The canonical weights that each tensor of the files holds; none are known of an exported graph. */
    Map<String, List<String>> canonicalNames() {
        return weights == null
                ? Map.of()
                : weights.names().stream()
                        .collect(Collectors.groupingBy(w -> weights.info(w).name()));
    }

    /** The hooks that match the patterns, of those that this model has; a pattern without a match is a Problem. */
    public SortedSet<HookId> hooks(Collection<String> patterns) {
        SortedSet<HookId> all = HookPatterns.match(spec, patterns);
        if (all.stream().allMatch(capabilities::has)) return all;
        all.clear();
        for (String pattern : patterns) {
            SortedSet<HookId> meant = HookPatterns.match(spec, List.of(pattern));
            HookId first = meant.first();
            meant.removeIf(id -> !capabilities.has(id));
            if (meant.isEmpty()) throw capabilities.refusal(first);
            all.addAll(meant);
        }
        return all;
    }

    /** Whether it is a training checkpoint, which may use the tokenizer of the finished model. */
    private boolean isCheckpoint() {
        return found.checkpointOf() != null;
    }

    public boolean hasTokenizer() {
        return hasTokenizer(found, checkpoint);
    }

    /** Whether the folder has a tokenizer, without opening it. */
    public static boolean hasTokenizer(ModelCache.Found found, Checkpoint checkpoint) {
        return Tokenizer.isIn(checkpoint)
                || (found.checkpointOf() != null
                        && Files.exists(found.trainingDir().resolve("tokenizer.json")));
    }

    /** Null when the model has none. */
    public synchronized Tokenizer tokenizer() {
        if (tokenizer != null) return tokenizer;
        if (Tokenizer.isIn(checkpoint)) {
            probes.tokenizer(checkpoint
                    .gguf()
                    .map(GgufFile::path)
                    .filter(gguf -> Tokenizer.isInside(checkpoint))
                    .orElse(checkpoint.dir().resolve("tokenizer.json")));
            tokenizer = Tokenizer.open(checkpoint, probes.trusted()).orElse(null);
        } else if (isCheckpoint()) {
            probes.tokenizer(found.trainingDir().resolve("tokenizer.json"));
            tokenizer = Tokenizer.open(found.trainingDir(), probes.trusted()).orElse(null);
        }
        return tokenizer;
    }

    /** Has an exported graph tried by another process, before this one opens it. */
    @Override
    public void probe() {
        probes.graph(found.dir(), checkpoint);
    }

    /** Starts hashing the weight files in the background. */
    void beginHash() {
        hash.known();
    }

    /** Is told the hash of the weight files, or null when it cannot be had. */
    @Override
    public synchronized void whenHashed(Consumer<String> then) {
        CompletableFuture<Void> callback = hash.begin().handle((sha256, failed) -> {
            then.accept(sha256);
            return null;
        });
        afterHash = CompletableFuture.allOf(afterHash, callback);
    }

    /** The hash of the weight files; null until it is computed, which this call starts. */
    public String knownSha256() {
        return hash.known();
    }

    /** The hash of the weight files; blocks until it is computed. */
    public String sha256() {
        return sha256(() -> false);
    }

    /** The same; a CONFLICT when cancelled. */
    public String sha256(BooleanSupplier cancelled) {
        return hash.await(cancelled);
    }

    public Tokenizer requireTokenizer() {
        Tokenizer found = tokenizer();
        if (found != null) return found;
        throw Problem.unsupported("this model has no tokenizer")
                .where(checkpoint
                        .gguf()
                        .map(GgufFile::path)
                        .orElse(checkpoint.dir().resolve("tokenizer.json")))
                .found(checkpoint.gguf().isPresent() ? "no tokenizer in it" : "no such file")
                .instead("pass token ids (`tokens`) instead of a text");
    }

    /** Whether the model has a chat template. One that cannot be parsed counts as none; using it gives the reason. */
    public boolean hasChatTemplate() {
        try {
            return chatTemplate().isPresent();
        } catch (Problem unreadable) {
            return false;
        }
    }

    private synchronized Optional<ChatTemplate> chatTemplate() {
        if (chatTemplate == null) chatTemplate = ChatTemplate.open(checkpoint);
        if (chatTemplate.isEmpty() && isCheckpoint()) chatTemplate = ChatTemplate.open(found.trainingDir());
        return chatTemplate;
    }

    /** The model's chat template; a model without one is a Problem. */
    public ChatTemplate requireChatTemplate() {
        return chatTemplate().orElseThrow(() -> Problem.unsupported("this model has no chat template")
                .where(checkpoint
                        .gguf()
                        .map(GgufFile::path)
                        .orElse(checkpoint.dir().resolve("tokenizer_config.json")))
                .expected("a chat_template there, or a chat_template.jinja beside it")
                .found("neither: the model was made to continue texts, not to answer")
                .instead("pass a text (`prompt`), or take the model's instruct or chat version"));
    }

    /**
     * A token with its text; its id in brackets without a tokenizer, and for padding ids beyond the tokenizer's
     * vocabulary.
     */
    public Token token(int id) {
        Tokenizer t = tokenizer();
        return t == null || !t.has(id) ? Token.ofId(id) : t.token(id);
    }

    public List<Integer> eosIds() {
        Tokenizer t = tokenizer();
        return t == null ? Tokenizer.eosIds(checkpoint) : t.eosIds();
    }

    /**
     * Identity of the weights with their hash, which is waited for; weights that were overwritten meanwhile are
     * refused.
     */
    public RunManifest.ModelIdentity identity(BooleanSupplier cancelled) {
        checkpoint.checkNotOverwritten();
        String sha256 = sha256(cancelled);
        checkpoint.checkNotOverwritten(); // again: otherwise the hash could be another file's
        DecoderSpec s = spec();
        Attention a = s.attentions().findFirst().orElse(null);
        List<List<String>> mixers = s.layers().stream().map(LayerSpec::mixers).toList();
        return new RunManifest.ModelIdentity(
                slug(),
                s.family(),
                sha256,
                s.nLayers(),
                a == null ? 0 : a.nHeads(),
                a == null ? 0 : a.nKvHeads(),
                a == null ? 0 : a.dHead(),
                s.dModel(),
                s.layers().stream()
                        .filter(LayerSpec::feedsForward)
                        .mapToInt(l -> l.mlp().dMlp())
                        .findFirst()
                        .orElse(0),
                s.vocab(),
                s.maxContext(),
                mixers.stream().allMatch(List.of("attention")::equals) ? null : mixers);
    }

    @Override
    public synchronized void close() {
        hash.close();
        afterHash.handle((ok, failed) -> null).join();
        if (tokenizer != null) tokenizer.close();
        checkpoint.close();
    }
}
