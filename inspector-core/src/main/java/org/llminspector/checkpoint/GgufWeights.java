package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.checkpoint.gguf.GgufTensor;

/** GgufWeights is a GGUF file seen as Hugging Face has the model: its names, its layouts and its config.json. */
final class GgufWeights implements WeightSource {

    private static final Pattern NAME =
            Pattern.compile("(?:blk\\.(0|[1-9][0-9]{0,5})\\.)?([a-z0-9_]+)\\.(weight|bias)");

    private record Entry(GgufTensor tensor, GgufLayout layout) {}

    private final GgufFile file;
    private final GgufConfig config;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();

    private GgufWeights(GgufFile file) {
        this.file = file;
        GgufMetadata m = file.metadata();
        int split = m.size("split.count", 1);
        if (split > 1) {
            throw Problem.unsupported("this is one part of a split GGUF file")
                    .where(m.at("split.count"))
                    .expected("the whole model in one file")
                    .found(split + " parts")
                    .instead("join them: `llama-gguf-split --merge FIRST_PART OUT.gguf`");
        }
        String name = m.text("general.architecture", "");
        GgufArchitecture architecture = GgufArchitecture.of(name);
        if (architecture == null) {
            throw Problem.unsupported("this architecture is not supported")
                    .where(m.at("general.architecture"))
                    .expected("one of " + String.join(", ", GgufArchitecture.all()))
                    .found(name.isEmpty() ? "nothing" : Problem.shown(name));
        }
        this.config = GgufConfig.read(name, architecture, file);
        file.tensors().values().forEach(t -> add(architecture, t));
    }

    static GgufWeights open(Path path) {
        return new GgufWeights(GgufFile.open(path));
    }

    private void add(GgufArchitecture a, GgufTensor t) {
        if (GgufConfig.ROPE_TENSORS.contains(t.name())) return;
        Matcher m = NAME.matcher(t.name());
        String to = m.matches() ? a.names().get(m.group(2)) : null;
        boolean bias = to != null && m.group(3).equals("bias");
        if (to == null || (bias && !a.biased().contains(m.group(2)))) {
            throw Problem.unsupported("the file has a tensor that its architecture does not have")
                    .where(file.path() + ", tensor " + Problem.shown(t.name()))
                    .expected("tensors of " + a.modelType() + ": "
                            + String.join(
                                    ", ", a.names().keySet().stream().sorted().toList()))
                    .found(t.shape());
        }
        String hf = (m.group(1) == null ? "" : a.blockPrefix() + m.group(1) + ".") + to + "." + m.group(3);
        GgufLayout layout = layout(a, m.group(2), t, bias);
        DType dtype = t.type().isBlocks() || layout instanceof GgufLayout.PlusOne
                ? DType.F32
                : t.type().plain();
        List<Long> shape = layout instanceof GgufLayout.Transposed
                ? List.of(t.shape().get(1), t.shape().get(0))
                : t.shape();
        entries.put(hf, new Entry(t, layout));
        tensors.put(
                hf,
                new TensorInfo(
                        hf, dtype, t.type().isBlocks() ? t.type() : null, shape, file.path(), t.offset(), t.bytes()));
    }

    private GgufLayout layout(GgufArchitecture a, String name, GgufTensor t, boolean bias) {
        if (a.permuted() && (name.equals("attn_q") || name.equals("attn_k"))) {
            int heads = name.equals("attn_q") ? config.nHeads() : config.nKvHeads();
            return GgufLayout.pairs(dHead(t, heads));
        }
        if (a.normPlusOne() && name.endsWith("_norm")) return new GgufLayout.PlusOne();
        if (a.transposed().contains(name) && !bias) {
            dHead(t, 1);
            return new GgufLayout.Transposed();
        }
        if (a.qkvByHead() && name.equals("attn_qkv")) {
            return GgufLayout.byHead(config.nHeads(), dHead(t, 3 * config.nHeads()));
        }
        return new GgufLayout.AsIs();
    }

    /** Rows a head; a tensor that does not divide so is refused before its rows are moved. */
    private int dHead(GgufTensor t, int heads) {
        int rank = t.shape().size();
        long rows = rank == 0 ? 0 : t.shape().get(0);
        boolean matrixMissing = heads == 1 && rank != 2;
        if (rank < 1 || rank > 2 || matrixMissing || (rows % (2L * heads) != 0 && heads > 1) || rows > 1 << 24) {
            throw Problem.invalid("the tensor's shape does not fit the heads")
                    .where(file.path() + ", tensor " + Problem.shown(t.name()))
                    .expected(heads == 1 ? "a matrix" : "rows for " + heads + " heads of even size")
                    .found(t.shape());
        }
        return (int) (rows / heads);
    }

    JsonNode config() {
        return config.json();
    }

    GgufFile file() {
        return file;
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    @Override
    public Tensor tensor(String name) {
        Entry e = entries.get(name);
        return e.layout().undo(file.tensor(e.tensor().name()));
    }

    @Override
    public Tensor rows(String name, int from, int to) {
        Entry e = entries.get(name);
        if (e.layout() instanceof GgufLayout.AsIs) return file.rows(e.tensor().name(), from, to);
        if (!decodesRows(name)) return WeightSource.super.rows(name, from, to);
        return file.rows(e.tensor().name(), rowsInFile(e, from, to));
    }

    /** Whether Hugging Face's rows are rows of the file. */
    boolean decodesRows(String name) {
        Entry e = entries.get(name);
        return e.layout() instanceof GgufLayout.AsIs || e.layout() instanceof GgufLayout.Rows;
    }

    private static int[] rowsInFile(Entry e, int from, int to) {
        return IntStream.range(from, to)
                .map(r -> (int) e.layout().inFile(r, 0)[0])
                .toArray();
    }

    /** The block that holds the weight at [row, column] of Hugging Face's layout; the block says where the file has it. */
    GgufBlock block(String name, long row, long column) {
        Entry e = entries.get(name);
        long[] at = e.layout().inFile(row, column);
        return file.block(e.tensor().name(), at[0], at[1]);
    }

    /** Rows [from, to) of Hugging Face's matrix as the file's blocks; null where the file's rows are its columns. */
    GgufRows blocks(String name, int from, int to) {
        Entry e = entries.get(name);
        if (e.layout() instanceof GgufLayout.Transposed) return null;
        if (e.layout() instanceof GgufLayout.AsIs) return file.blocks(e.tensor().name(), from, to);
        return file.blocks(e.tensor().name(), rowsInFile(e, from, to));
    }

    @Override
    public void close() {
        // The mapping lives as long as the tensors that view it.
    }
}
