package org.llminspector.sandbox;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.onnx.OnnxFile.Weight;
import org.llminspector.tokenize.Tokenizer;

/**
 * Sandboxed probes of files from outside: each file is opened in another process before this one opens it, once; the
 * verdict is stored by the file's hash. One such process serves all files in turn, and ends when idle.
 */
public final class Probes {

    /** Hashes of the embedded models' tokenizers. */
    private static final Set<String> KNOWN = Set.of("2b1723f5ac463c454315a789d6f765e9b60d37af9a1c021506752226267d00dd");

    /** Most bytes of a .gguf file that count as its tokenizer. */
    private static final long INSIDE = 32L << 20;

    private static final Object ONE_AT_A_TIME = new Object();
    private static ProbeProcess process;
    /** Keys of files that passed in this process's lifetime. */
    private static final Set<String> GOOD = ConcurrentHashMap.newKeySet();

    private final Path folder;
    private final boolean trusted;

    /**
     * @param folder where verdicts are stored; created with the first
     * @param trusted whether probes are skipped, since the user vouches for the models' origin
     */
    public Probes(Path folder, boolean trusted) {
        this.folder = folder;
        this.trusted = trusted;
    }

    public boolean trusted() {
        return trusted;
    }

    /**
     * Probes a tokenizer; one that fails is a Problem.
     *
     * @param file a tokenizer.json or a .gguf file
     */
    public void tokenizer(Path file) {
        if (trusted || !Files.isRegularFile(file)) return;
        boolean json = file.toString().endsWith(".json");
        if (json) Reads.checkSize(file, Tokenizer.MAX_BYTES);
        // A GGUF file has gigabytes: its path, size and modification time replace a hash of its contents.
        String key = json ? sha256(file) : sha256(file, size(file), modified(file));
        verdict(Probe.TOKENIZER, file, key, json ? size(file) : Math.min(INSIDE, size(file)));
    }

    /** Probes an exported graph; one that fails is a Problem. */
    public void graph(Path model, Checkpoint checkpoint) {
        if (trusted) return;
        Path file = checkpoint.onnx().orElseThrow().path();
        long bytes = size(file);
        MessageDigest digest = digest();
        update(digest, file);
        // External weights are only multiplied, except integers (INT32, INT64), which may be sizes and are hashed.
        for (Weight w : checkpoint.onnx().orElseThrow().weights()) {
            if (w.location() == null) continue;
            bytes += Math.max(0, w.bytes());
            if (w.type() != 6 && w.type() != 7) continue;
            digest.update(checkpoint.get(w.name()).data().duplicate());
        }
        digest.update(checkpoint.config().toString().getBytes(java.nio.charset.StandardCharsets.UTF_8));
        verdict(Probe.GRAPH, model, HexFormat.of().formatHex(digest.digest()), bytes);
    }

    private void verdict(Probe probe, Path path, String sha256, long bytes) {
        String key = probe.name().toLowerCase(java.util.Locale.ROOT) + "-" + sha256;
        if (KNOWN.contains(sha256) || GOOD.contains(key)) return;
        Path kept = folder.resolve(key + ".json");
        Verdict verdict = read(kept);
        if (verdict == null) {
            long seconds = probe.seconds(bytes);
            long memory = probe.memory(bytes);
            verdict = tried(probe, path, seconds, memory);
            if (verdict.failed() != null) throw refusal(path, verdict.failed(), seconds, memory);
            // INTERNAL (ONNX Runtime's own failures) is attributed to the graph.
            if (verdict.kind() == Problem.Kind.INTERNAL) throw refusal(path, verdict.found(), seconds, memory);
            // Problems name one folder, so only good verdicts are stored.
            if (verdict.good()) write(kept, verdict);
        }
        if (!verdict.good()) throw verdict.problem();
        GOOD.add(key);
    }

    private static Problem refusal(Path path, String how, long seconds, long memory) {
        return Problem.unsupported("the file was opened in a process of its own, which did not survive it")
                .where(path)
                .expected("a file that opens within " + seconds + " s and " + ByteCount.of(memory))
                .found(how)
                .instead("take the model from its original source; or start with --trust if you know where it comes"
                        + " from, which opens it in this process");
    }

    /** Probes a file; a failure in a process that has probed other files is retried in a new one. */
    private Verdict tried(Probe probe, Path path, long seconds, long memory) {
        synchronized (ONE_AT_A_TIME) {
            try {
                Path absolute = path.toAbsolutePath();
                if (process != null && process.alive() && process.memory() >= memory) {
                    Verdict verdict = process.ask(probe, absolute, trusted, seconds);
                    if (verdict.failed() == null) return verdict;
                }
                if (process != null) process.close();
                process = new ProbeProcess(memory);
                return process.ask(probe, absolute, trusted, seconds);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw Problem.of(Problem.Kind.CONFLICT, "the probe of a file was interrupted")
                        .where(path)
                        .causedBy(e);
            } catch (IOException e) {
                throw new IllegalStateException("the process that tries files did not start", e);
            }
        }
    }

    private static Verdict read(Path kept) {
        if (!Files.isRegularFile(kept)) return null;
        try {
            return Json.mapper().readValue(Reads.bytes(kept, Reads.SMALL), Verdict.class);
        } catch (IOException | Problem e) {
            return null; // probed again
        }
    }

    private void write(Path kept, Verdict verdict) {
        try {
            Files.createDirectories(folder);
            Path part = Files.createTempFile(folder, "verdict", null);
            Files.write(part, Json.mapper().writeValueAsBytes(verdict));
            Files.move(part, kept, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // full or read-only folder: probed again next time
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static String modified(Path file) {
        try {
            return file.toRealPath() + " " + Files.getLastModifiedTime(file);
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static String sha256(Path file) {
        MessageDigest digest = digest();
        update(digest, file);
        return HexFormat.of().formatHex(digest.digest());
    }

    private static String sha256(Object... parts) {
        MessageDigest digest = digest();
        for (Object part : parts) digest.update((part + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    private static void update(MessageDigest digest, Path file) {
        byte[] buffer = new byte[1 << 20];
        try (var in = Reads.stream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) digest.update(buffer, 0, n);
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
