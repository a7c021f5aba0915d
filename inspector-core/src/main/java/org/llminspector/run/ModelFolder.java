package org.llminspector.run;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hub.ModelCache;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** ModelFolder is one model on disk, its files mapped and its config understood; no engine holds it yet. */
final class ModelFolder implements AutoCloseable {

    private final ModelCache.Found found;
    private final Checkpoint checkpoint;
    private final Weights weights;
    private final Tokenizer tokenizer;
    private final CompletableFuture<String> sha256;

    ModelFolder(ModelCache.Found found) {
        this.found = found;
        this.checkpoint = Checkpoint.open(found.dir());
        try {
            this.weights = Family.open(checkpoint);
            this.tokenizer = Tokenizer.open(checkpoint).orElse(null);
        } catch (RuntimeException e) {
            checkpoint.close();
            throw e;
        }
        this.sha256 = CompletableFuture.supplyAsync(checkpoint::sha256);
    }

    String slug() {
        return found.slug();
    }

    ModelCache.Found found() {
        return found;
    }

    Checkpoint checkpoint() {
        return checkpoint;
    }

    Weights weights() {
        return weights;
    }

    DecoderSpec spec() {
        return weights.spec();
    }

    /** Null when the folder has none. */
    Tokenizer tokenizer() {
        return tokenizer;
    }

    /** Of the weight files; the first call may wait for it. */
    String sha256() {
        return sha256.join();
    }

    /** Where a tokenizer was looked for. */
    private Path tokenizerFile() {
        return checkpoint.gguf().map(GgufFile::path).orElse(checkpoint.dir().resolve("tokenizer.json"));
    }

    Tokenizer requireTokenizer() {
        if (tokenizer != null) return tokenizer;
        throw Problem.unsupported("this model has no tokenizer")
                .where(tokenizerFile())
                .found(checkpoint.gguf().isPresent() ? "no tokenizer in it" : "no such file")
                .instead("pass token ids (`tokens`) instead of a text");
    }

    /** A token as it reads; without a tokenizer its id in brackets. */
    Token token(int id) {
        return tokenizer == null ? new Token(id, "⟨" + id + "⟩", List.of(), null, null, false) : tokenizer.token(id);
    }

    List<Integer> eosIds() {
        if (tokenizer != null) return tokenizer.eosIds();
        JsonNode eos = checkpoint.config().path("eos_token_id");
        List<Integer> ids = new ArrayList<>();
        if (eos.isInt()) ids.add(eos.asInt());
        eos.forEach(e -> ids.add(e.asInt()));
        return ids;
    }

    RunManifest.ModelIdentity identity() {
        DecoderSpec s = spec();
        Attention a = s.layers().get(0).attention();
        return new RunManifest.ModelIdentity(
                slug(),
                s.family(),
                sha256(),
                s.nLayers(),
                a.nHeads(),
                a.nKvHeads(),
                a.dHead(),
                s.dModel(),
                s.layers().get(0).mlp().dMlp(),
                s.vocab(),
                s.maxContext());
    }

    @Override
    public void close() {
        sha256.handle((ok, failed) -> ok).join();
        if (tokenizer != null) tokenizer.close();
        checkpoint.close();
    }
}
