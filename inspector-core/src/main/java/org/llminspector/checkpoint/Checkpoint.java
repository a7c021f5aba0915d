package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Json;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.checkpoint.onnx.OnnxFile;

/**
 * An open model's files: memory-mapped named tensors and config.json; or a GGUF file presented the same way, with
 * Hugging Face's names and layouts, decoded on access; or an exported ONNX graph, with the exporter's weight names.
 *
 * <p>Opening it checks every header and the index against the shards, so that a damaged download is reported before
 * anything is loaded. Thread-safe; tensors outlive it.
 */
public final class Checkpoint implements NamedTensors, AutoCloseable {

    /** Attempts to open files that are being written. */
    private static final int ATTEMPTS = 5;

    /** Cache of file hashes in this process, by file state. */
    private static final Map<FileState, String> HASHES = new ConcurrentHashMap<>();

    /** An open file to hash; a stream, since an interrupt would close a channel. */
    private record Hashed(FileState state, FileInputStream in) {}

    private final Path dir;
    private final Map<Path, WeightSource> files;
    private final Map<String, TensorInfo> tensors;
    private final PackedTensors packed;
    private final OnnxFile onnx; // null for other formats
    private final List<Hashed> hashed;
    private String sha256;
    private volatile boolean closing; // aborts hashing

    private Checkpoint(
            Path dir,
            Map<Path, WeightSource> files,
            Map<String, TensorInfo> tensors,
            PackedTensors packed,
            OnnxFile onnx,
            List<Hashed> hashed) {
        this.dir = dir;
        this.files = files;
        this.tensors = tensors;
        this.packed = packed;
        this.onnx = onnx;
        this.hashed = hashed;
    }

    /**
     * Opens a folder in Hugging Face layout, a .gguf or .onnx file, or a folder whose only weights are one.
     *
     * @throws Problem CONFLICT where the files changed during every attempt
     */
    public static Checkpoint open(Path path) {
        for (int attempt = 1; ; attempt++) {
            try {
                return once(path);
            } catch (Problem p) {
                // The files were replaced meanwhile, for example by a training run: try again.
                if (p.kind() != Problem.Kind.CONFLICT || attempt == ATTEMPTS) throw p;
            }
        }
    }

    private static Checkpoint once(Path path) {
        WeightFiles weights = WeightFiles.find(path);
        Path dir = Files.isDirectory(path) ? path : WeightFiles.folder(path);
        OnnxFile onnx = null;
        Map<Path, WeightSource> files = new LinkedHashMap<>();
        Map<Path, FileState> states = new HashMap<>();
        List<Hashed> hashed = new ArrayList<>();
        try {
            Map<String, TensorInfo> tensors = new LinkedHashMap<>();
            for (Path weightFile : weights.files()) {
                states.put(weightFile, FileState.of(weightFile));
                if (WeightFiles.isOnnx(weightFile)) {
                    onnx = OnnxFile.open(weightFile);
                    for (WeightSource source : OnnxWeightFiles.of(onnx)) {
                        files.put(source.path(), source);
                        tensors.putAll(source.tensors());
                    }
                    continue;
                }
                WeightSource file = WeightFiles.isGguf(weightFile)
                        ? GgufWeights.open(weightFile)
                        : SafetensorsFile.openWeights(weightFile);
                files.put(weightFile, file);
                for (TensorInfo info : file.tensors().values()) {
                    TensorInfo other = tensors.putIfAbsent(info.name(), info);
                    if (other != null) {
                        throw Problem.invalid("two shards hold the same tensor")
                                .where(dir + ", tensor " + Names.shown(info.name()))
                                .expected("it in one shard only")
                                .found(other.file().getFileName() + " and " + weightFile.getFileName());
                    }
                }
            }
            checkIndex(dir, weights.index(), tensors);
            PackedTensors packed = new PackedTensors(tensors);
            for (Path file : files.keySet()) {
                FileInputStream in = Reads.stream(file);
                FileState now = FileState.of(file);
                hashed.add(new Hashed(now, in));
                // Same state before and after opening: both handles are of the same file.
                if (!states.getOrDefault(file, now).equals(now)) {
                    throw Problem.of(Problem.Kind.CONFLICT, "the file changed while it was opened")
                            .where(file)
                            .instead("open it again when it is written");
                }
            }
            return new Checkpoint(
                    dir,
                    Collections.unmodifiableMap(files),
                    Collections.unmodifiableMap(tensors),
                    packed,
                    onnx,
                    hashed);
        } catch (RuntimeException | Error e) {
            files.values().forEach(WeightSource::close);
            hashed.forEach(Checkpoint::close);
            throw e;
        }
    }

    private static void close(Hashed file) {
        try {
            file.in().close();
        } catch (IOException e) {
            // It was opened for reading only: nothing can be lost.
        }
    }

    /** The weight files, as they were opened. */
    public List<FileState> files() {
        return hashed.stream().map(Hashed::state).toList();
    }

    /** Whether the weight files were replaced or written since they were opened. */
    public boolean changed() {
        return files.values().stream().anyMatch(f -> f.bytesOfFile().lost())
                || hashed.stream()
                        .anyMatch(h -> !h.state().equals(FileState.of(h.state().path())));
    }

    /** Throws CONFLICT where an open weight file was written in place, so that results may mix old and new weights. */
    public void checkNotOverwritten() {
        for (Hashed h : hashed)
            if (h.state().overwritten()) throw FileBytes.overwritten(h.state().path());
        checkReadable();
    }

    /**
     * A cheap version for after each pass: checks only files whose mapped pages may have been replaced by zeros, and
     * files without a lease.
     */
    public void checkReadable() {
        for (Hashed h : hashed) {
            FileBytes bytes = files.get(h.state().path()).bytesOfFile();
            if (bytes.lost() || (bytes.exposed() && h.state().overwritten())) {
                throw FileBytes.overwritten(h.state().path());
            }
        }
    }

    /** Bytes of files copied into this process's memory because no lease was available. */
    public long copied() {
        return files.values().stream().mapToLong(f -> f.bytesOfFile().copied()).sum();
    }

    /** Files mapped without a lease: truncating them while they are read crashes the process. */
    public List<Path> exposed() {
        return files.values().stream()
                .filter(f -> f.bytesOfFile().exposed())
                .map(WeightSource::path)
                .toList();
    }

    private static void checkIndex(Path dir, Map<String, String> index, Map<String, TensorInfo> tensors) {
        index.forEach((name, file) -> {
            TensorInfo info = tensors.get(name);
            if (info == null || !info.file().equals(dir.resolve(file))) {
                throw Problem.invalid("the index and the shards do not agree")
                        .where(dir.resolve(WeightFiles.INDEX) + ", tensor " + Names.shown(name))
                        .expected("it in " + file)
                        .found(
                                info == null
                                        ? "it in no shard"
                                        : "it in " + info.file().getFileName())
                        .instead("the index and the shards are of different downloads: download the model again");
            }
        });
    }

    /** The model's folder. */
    public Path dir() {
        return dir;
    }

    /** The GGUF file, if this is one: its metadata, and its tensors under their own names. */
    public Optional<GgufFile> gguf() {
        return Optional.ofNullable(ggufWeights()).map(GgufWeights::file);
    }

    /** The exported graph, if this is one. */
    public Optional<OnnxFile> onnx() {
        return Optional.ofNullable(onnx);
    }

    private GgufWeights ggufWeights() {
        return files.values().iterator().next() instanceof GgufWeights g ? g : null;
    }

    /** Every tensor by name, in file order. */
    public Map<String, TensorInfo> tensors() {
        return tensors;
    }

    public boolean has(String name) {
        return tensors.containsKey(name);
    }

    /** A tensor's header entry; a missing one throws a Problem with the closest names. */
    public TensorInfo info(String name) {
        TensorInfo info = tensors.get(name);
        if (info != null) return info;
        throw Problem.notFound("the checkpoint has no such tensor")
                .where(dir + ", tensor " + Names.shown(name))
                .found(tensors.size() + " tensors")
                .instead(Names.closestSentence(name, tensors.keySet()));
    }

    /** A tensor's header entry, which must have this shape. */
    public TensorInfo info(String name, List<Long> expected) {
        TensorInfo info = info(name);
        if (info.shape().equals(expected)) return info;
        throw Problem.invalid("a tensor has another shape than the model's config says")
                .where(info.file() + ", tensor " + Names.shown(name))
                .expected(expected)
                .found(info.shape())
                .instead("config.json and the weights are of different models: download the model again");
    }

    /** Whether the tensor is stored as MXFP4 in two safetensors tensors; its name here is their common prefix. */
    public boolean isPacked(String name) {
        return packed.has(name);
    }

    @Override
    public Tensor packedRows(String name, int first, int step, int take) {
        info(name);
        return packed.rows(name, part -> files.get(part.file()).tensor(part.name()), first, step, take);
    }

    /** The tensor, mapped without a copy; a missing one throws a Problem with the closest names. */
    public Tensor get(String name) {
        if (packed.has(name)) {
            long[] shape =
                    info(name).shape().stream().mapToLong(Long::longValue).toArray();
            long cols = shape[shape.length - 1];
            int rows = cols == 0 ? 0 : Math.toIntExact(info(name).elements() / cols);
            return packedRows(name, 0, 1, rows).reshaped(shape);
        }
        return files.get(info(name).file()).tensor(name);
    }

    /** Rows [from, to) of a matrix; of a quantized one only these are decoded where the file's order allows. */
    public Tensor rows(String name, int from, int to) {
        TensorInfo info = info(name);
        if (info.shape().size() != 2
                || from < 0
                || from >= to
                || to > info.shape().get(0)) {
            throw Problem.invalid("the tensor has no such rows")
                    .where(info.file() + ", tensor " + Names.shown(name))
                    .expected("rows within " + info.shape())
                    .found(from + ":" + to);
        }
        if (packed.has(name)) return packedRows(name, from, 1, to - from);
        return files.get(info.file()).rows(name, from, to);
    }

    /** Whether rows of a block matrix can be decoded separately. */
    public boolean decodesRows(String name) {
        TensorInfo info = tensors.get(name);
        return info != null
                && info.blocks() != null
                && info.shape().size() == 2
                && files.get(info.file()) instanceof GgufWeights g
                && g.decodesRows(name);
    }

    /**
     * The unpacked quantized block of the weight at [row, column]; a vector is one row.
     *
     * <p>The block's row and column are the file's, which differ from Hugging Face's for q and k of a GGUF Llama.
     */
    public GgufBlock block(String name, long row, long column) {
        TensorInfo info = info(name);
        GgufWeights gguf = blocked(name, info);
        List<Long> shape = info.shape();
        long columns = shape.get(shape.size() - 1);
        if (row < 0 || column < 0 || column >= columns || row >= info.elements() / columns) {
            throw Problem.invalid("there is no such weight")
                    .where(info.file() + ", tensor " + Names.shown(name))
                    .expected("row and column within " + shape)
                    .found("[" + row + ", " + column + "]");
        }
        return gguf.block(name, row, column);
    }

    /** Unpacked rows [from, to) of a block matrix, in Hugging Face's order. */
    public GgufRows blocks(String name, int from, int to) {
        TensorInfo info = info(name);
        GgufRows rows = blocked(name, info).blocks(name, from, to);
        if (rows != null) return rows;
        throw Problem.unsupported("the rows of this matrix are the file's columns, and its blocks run along those")
                .where(info.file() + ", tensor " + Names.shown(name))
                .instead("ask for one block: it is shown as the file has it");
    }

    private GgufWeights blocked(String name, TensorInfo info) {
        GgufWeights gguf = ggufWeights();
        if (gguf != null && info.blocks() != null) return gguf;
        throw Problem.unsupported("this tensor is not stored in blocks")
                .where(dir + ", tensor " + Names.shown(name))
                .expected("a quantized tensor of a GGUF file")
                .found(info.format());
    }

    @Override
    public Tensor get(String name, long... expectedShape) {
        info(name, Arrays.stream(expectedShape).boxed().toList());
        return get(name);
    }

    /** Another file of the model's folder, if it is there; a link that leads out of the folder is refused. */
    public Optional<Path> file(String name) {
        return Files.exists(dir.resolve(name)) ? Optional.of(Links.check(dir, name)) : Optional.empty();
    }

    /** The file of {@link #config}, for messages. */
    public Path configFile() {
        GgufWeights gguf = ggufWeights();
        return gguf == null ? dir.resolve("config.json") : gguf.path();
    }

    /** The parsed config.json, or a GGUF file's metadata in that form. */
    public JsonNode config() {
        GgufWeights gguf = ggufWeights();
        if (gguf != null) return gguf.config();
        return Json.readObject(Links.check(dir, "config.json"));
    }

    /** Bytes of all tensors in the files. */
    public long bytes() {
        return tensors.values().stream().mapToLong(TensorInfo::bytes).sum();
    }

    /** Elements of all tensors in the files; tied ones count as often as they are stored. */
    public long parameters() {
        return tensors.values().stream().mapToLong(TensorInfo::elements).sum();
    }

    /**
     * SHA-256 of the weights, in hex. For one file the file's, as by {@code sha256sum} and Hugging Face; for shards
     * that of {@code sha256sum}'s output lines, ordered by name. Reads all files once.
     */
    public synchronized String sha256() {
        if (sha256 == null) {
            List<Hashed> sorted = new ArrayList<>(hashed);
            sorted.sort(Comparator.comparing(h -> h.state().path().getFileName().toString()));
            if (sorted.size() == 1) {
                sha256 = sha256(sorted.get(0));
            } else {
                MessageDigest all = digest();
                for (Hashed file : sorted) {
                    String line = sha256(file) + "  " + file.state().path().getFileName() + "\n";
                    all.update(line.getBytes(StandardCharsets.UTF_8));
                }
                sha256 = HexFormat.of().formatHex(all.digest());
            }
        }
        return sha256;
    }

    /** Aborts hashing in progress with a CancellationException. */
    public void giveUpHash() {
        closing = true;
    }

    private String sha256(Hashed file) {
        String known = HASHES.get(file.state());
        if (known != null) return known;
        MessageDigest digest = digest();
        byte[] buffer = new byte[1 << 20];
        try {
            file.in().getChannel().position(0);
            for (int n = file.in().read(buffer); n >= 0; n = file.in().read(buffer)) {
                if (closing) throw new CancellationException();
                digest.update(buffer, 0, n);
            }
        } catch (IOException e) {
            throw Reads.unreadable(file.state().path(), e);
        }
        String hash = HexFormat.of().formatHex(digest.digest());
        if (file.state().key() != null && !file.state().overwritten()) HASHES.put(file.state(), hash);
        return hash;
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public synchronized void close() {
        files.values().forEach(WeightSource::close);
        hashed.forEach(Checkpoint::close);
    }
}
