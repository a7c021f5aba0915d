package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.llminspector.base.DType;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.GgufArchitecture.Layout;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.checkpoint.gguf.GgufTensor;

/** A GGUF file presented as Hugging Face's model, with its names, layouts and config.json. */
final class GgufWeights implements WeightSource {

    private static final Pattern NAME = Pattern.compile(
            "(?:blk\\.(0|[1-9][0-9]{0,5})\\.)?((?:shortconv\\.)?[a-z0-9_]+)(?:\\.(weight|bias|scale))?");

    /** Of recurrences, stored without a suffix. */
    private static final Set<String> BARE = Set.of("ssm_a", "ssm_d");
    /** GPT-2's Conv1D matrices. */
    private static final Set<String> CONV1D = Set.of("attn_qkv", "attn_output", "ffn_up", "ffn_down");

    /** Vectors that some converters write with more axes. */
    private static final Set<String> FLAT = Set.of("ssm_norm", "exp_probs_b");

    private static final Set<String> KERNELS =
            Set.of("shortconv.conv", "ssm_conv1d", "ssm_conv1d_q", "ssm_conv1d_k", "ssm_conv1d_v");
    /** Of delta nets, with a row or a value for each value head or for its elements. */
    private static final Set<String> TILED = Set.of("attn_gate", "ssm_alpha", "ssm_beta", "ssm_a", "ssm_dt");
    /** Matrices with another number of axes in the file. */
    private static final Set<String> MATRICES = Set.of("attn_k_b", "attn_v_b", "ffn_gate_inp_shexp");

    /** Architecture names in other programs' files that are supported from safetensors only. */
    private static final Set<String> NOT_IN_LLAMA_CPP = Set.of("gptj", "codegen", "gpt_neo", "gptneo", "opt");

    private static final int MOST_ROWS = 1 << 24;
    private static final int MOST_PARTS = 1 << 14;

    private record Entry(GgufTensor tensor, GgufLayout layout) {}

    private final GgufFile file;
    private final GgufConfig config;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final Map<String, Tensor> numbers = new HashMap<>();
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
        GgufArchitecture architecture = GgufArchitectures.of(name, file);
        if (architecture == null) {
            Problem problem = Problem.unsupported("this architecture is not supported")
                    .where(m.at("general.architecture"))
                    .expected("one of " + String.join(", ", GgufArchitectures.all()))
                    .found(name.isEmpty() ? "nothing" : Problem.shown(name));
            throw NOT_IN_LLAMA_CPP.contains(name)
                    ? problem.instead("llama.cpp has no such architecture: open the model from its safetensors")
                    : problem;
        }
        this.config = GgufConfig.read(name, architecture, file);
        file.tensors().values().forEach(t -> add(architecture, t));
        config.numbers().forEach(this::put);
    }

    static GgufWeights open(Path path) {
        return new GgufWeights(GgufFile.open(path));
    }

    private void add(GgufArchitecture a, GgufTensor t) {
        if (GgufConfig.ROPE_TENSORS.contains(t.name())) return;
        if (config.predicting().stream().anyMatch(t.name()::startsWith)) return;
        Matcher m = NAME.matcher(t.name());
        if (!m.matches() || !place(a, m.group(1), m.group(2), m.group(3) == null ? "" : "." + m.group(3), t)) {
            throw Problem.unsupported("the file has a tensor that its architecture does not have")
                    .where(file.path() + ", tensor " + Problem.shown(t.name()))
                    .expected("tensors of " + config.modelType() + ": "
                            + String.join(
                                    ", ", a.names().keySet().stream().sorted().toList()))
                    .found(t.shape());
        }
    }

    /**
     * Maps a tensor, or its parts, to Hugging Face's names.
     *
     * @param block index, or null outside the blocks
     * @return whether the architecture has this tensor
     */
    private boolean place(GgufArchitecture a, String block, String name, String suffix, GgufTensor t) {
        if (name.equals("attn_qkv") && a.splitsQkv()) {
            int dHead = (int) divided(t, config.nHeads() + 2L * config.nKvHeads(), "rows for queries, keys and values");
            int q = config.nHeads() * dHead;
            int k = q + config.nKvHeads() * dHead;
            return place(a, block, "attn_q", suffix, t.slice(0, q))
                    && place(a, block, "attn_k", suffix, t.slice(q, k))
                    && place(a, block, "attn_v", suffix, t.slice(k, k + config.nKvHeads() * dHead));
        }
        if (name.equals("ffn_gate_up_exps") && a.names().containsKey("ffn_gate_exps")) {
            for (int i = 0; i < parts(t); i++) {
                GgufTensor part = t.part(i);
                int half = (int) divided(part, 2, "rows for gate and linear part");
                put(a, block, "ffn_gate_exps", suffix, i, part.slice(0, half));
                put(a, block, "ffn_up_exps", suffix, i, part.slice(half, 2 * half));
            }
            return true;
        }
        boolean stored = suffix.isEmpty() ? BARE.contains(name) || a.bare(name) : !BARE.contains(name);
        String to = stored ? a.name(name, suffix) : null;
        if (to == null) return false;
        if (to.contains("{i}")) for (int i = 0; i < parts(t); i++) put(a, block, name, suffix, i, t.part(i));
        else put(a, block, name, suffix, 0, MATRICES.contains(name) ? matrix(t) : shaped(name, suffix, t));
        return true;
    }

    /** @param i index of the part, for tensors split into several */
    private void put(GgufArchitecture a, String block, String inFile, String suffix, int i, GgufTensor t) {
        String prefix = block == null ? "" : a.blockPrefix() + block + ".";
        String name = prefix + a.name(inFile, suffix).replace("{i}", String.valueOf(i));
        GgufLayout layout = layout(a, inFile, t, suffix.equals(".bias"));
        boolean changed = layout instanceof GgufLayout.PlusOne
                || layout instanceof GgufLayout.MinusExp
                || layout instanceof GgufLayout.Columns;
        DType dtype = t.type().isBlocks() || changed ? DType.F32 : t.type().plain();
        List<Long> shape = layout instanceof GgufLayout.Transposed x
                ? List.of((long) x.parts() * x.cols(), (long) x.rows())
                : t.shape();
        Entry twice = entries.put(name, new Entry(t, layout));
        if (twice != null) {
            throw Problem.invalid("the file has the same weights twice")
                    .where(file.path() + ", tensor " + Problem.shown(t.name()))
                    .expected("them in one tensor only")
                    .found("also in " + Problem.shown(twice.tensor().name()));
        }
        tensors.put(
                name,
                new TensorInfo(
                        name, dtype, t.type().isBlocks() ? t.type() : null, shape, file.path(), t.offset(), t.bytes()));
    }

    private void put(String name, float number) {
        numbers.put(name, Tensor.of(new float[] {number}, 1));
        tensors.put(name, new TensorInfo(name, DType.F32, List.of(1L), file.path(), 0, Float.BYTES));
    }

    private GgufLayout layout(GgufArchitecture a, String name, GgufTensor t, boolean bias) {
        int heads = config.nHeads();
        int kvHeads = config.nKvHeads();
        if (a.has(Layout.PERMUTED) && name.equals("attn_q")) return GgufLayout.pairs(dHead(t, heads));
        if (a.has(Layout.PERMUTED) && name.equals("attn_k")) return GgufLayout.pairs(dHead(t, kvHeads));
        if (a.has(Layout.NORM_PLUS_ONE) && name.endsWith("_norm") && !name.equals("ssm_norm") && !bias)
            return new GgufLayout.PlusOne();
        if (a.has(Layout.CONV1D) && CONV1D.contains(name) && !bias) return transposed(t, 1);
        if (name.equals("attn_k_b")) return transposed(t, heads);
        if (a.has(Layout.TILED_VALUES)) {
            GgufLayout tiled = tiled(name, t);
            if (tiled != null) return tiled;
        }
        if (name.equals("ssm_a")) return new GgufLayout.MinusExp(i -> i);
        if (a.has(Layout.QKV_BY_GROUP) && name.equals("attn_qkv")) {
            if (heads % kvHeads != 0) {
                throw Problem.invalid("queries cannot be shared among the heads of keys")
                        .where(file.path() + ", key attention.head_count_kv")
                        .expected("a divisor of attention.head_count, " + heads)
                        .found(kvHeads);
            }
            return GgufLayout.byGroup(heads, kvHeads, dHead(t, heads + 2 * kvHeads));
        }
        return new GgufLayout.AsIs();
    }

    /** Of tensors that have value heads of delta nets; null for others. */
    private GgufLayout tiled(String name, GgufTensor t) {
        int heads = config.json().get("linear_num_value_heads").asInt();
        int keyHeads = config.json().get("linear_num_key_heads").asInt();
        long keys = 2L * keyHeads * config.json().get("linear_key_head_dim").asInt();
        long values = (long) heads * config.json().get("linear_value_head_dim").asInt();
        boolean mixed = name.equals("attn_qkv") || name.equals("ssm_conv1d");
        boolean columns = name.equals("ssm_out");
        if (!mixed && !columns && !TILED.contains(name)) return null;
        long size = columns ? t.rowSize() : t.shape().isEmpty() ? 0 : t.shape().get(0);
        long expected = mixed ? keys + values : columns || name.equals("attn_gate") ? values : heads;
        if (size != expected || expected > MOST_ROWS || (columns && t.shape().size() != 2))
            throw misshapen(t, expected + " " + (columns ? "columns" : "rows"));
        int each = (int) (expected == heads ? 1 : values / heads);
        IntUnaryOperator inFile = GgufLayout.tiled(mixed ? (int) keys : 0, heads, keyHeads, each);
        if (name.equals("ssm_a")) return new GgufLayout.MinusExp(inFile);
        return columns ? new GgufLayout.Columns(inFile) : new GgufLayout.Rows(inFile);
    }

    private GgufLayout transposed(GgufTensor t, int parts) {
        if (t.shape().size() != 2) throw misshapen(t, "a matrix");
        return new GgufLayout.Transposed(
                parts, (int) divided(t, parts, "rows for " + parts + " heads"), Math.toIntExact(t.rowSize()));
    }

    /** A tensor as a matrix, with all axes but the last merged. */
    private GgufTensor matrix(GgufTensor t) {
        if (t.elements() == 0 || t.elements() / t.rowSize() > MOST_ROWS) throw misshapen(t, "rows that can be counted");
        return t.matrix();
    }

    /**
     * Adds Hugging Face's middle axis to a convolution's kernel [channel, width]; joins the axes of Mamba 2's norm
     * [group, width], of what it has per head, [head, 1], and of ERNIE's choice bias, [1, expert].
     */
    private GgufTensor shaped(String name, String suffix, GgufTensor t) {
        if (KERNELS.contains(name) && !suffix.equals(".bias")) {
            GgufTensor kernel = matrix(t);
            return t.shaped(List.of(kernel.shape().get(0), 1L, kernel.rowSize()));
        }
        boolean perHead = BARE.contains(name) && t.rowSize() == 1;
        if (!perHead && !FLAT.contains(name)) return t;
        if (t.type().isBlocks()) throw misshapen(t, "plain numbers");
        return t.shaped(List.of(t.elements()));
    }

    /** Number of stacked tensors on the first axis: experts or heads. */
    private int parts(GgufTensor t) {
        boolean divides =
                t.shape().size() > 1 || (t.shape().size() == 1 && !t.type().isBlocks());
        if (!divides || t.elements() == 0 || t.shape().get(0) > MOST_PARTS) {
            throw misshapen(t, "one part an expert or a head, at most " + MOST_PARTS);
        }
        return (int) (long) t.shape().get(0);
    }

    /** Rows per part, if the rows divide evenly. */
    private long divided(GgufTensor t, long parts, String expected) {
        long rows = t.shape().isEmpty() ? 0 : t.shape().get(0);
        boolean flat = t.shape().size() == 1 && t.type().isBlocks();
        if (t.elements() == 0 || t.shape().size() > 2 || flat || rows % parts != 0 || rows > MOST_ROWS) {
            throw misshapen(t, expected);
        }
        return rows / parts;
    }

    private Problem misshapen(GgufTensor t, String expected) {
        return Problem.invalid("the tensor's shape does not fit the heads or experts")
                .where(file.path() + ", tensor " + Problem.shown(t.name()))
                .expected(expected)
                .found(t.shape());
    }

    /** Rows per head, an even number for RoPE pairs; throws for a tensor that does not divide so. */
    private int dHead(GgufTensor t, int heads) {
        String expected = "rows for " + heads + " heads of even size";
        int rows = (int) divided(t, heads, expected);
        if (rows % 2 != 0) throw misshapen(t, expected);
        return rows;
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
        return e == null ? numbers.get(name) : e.layout().undo(file.tensor(e.tensor()));
    }

    @Override
    public Tensor rows(String name, int from, int to) {
        Entry e = entries.get(name);
        if (e.layout() instanceof GgufLayout.AsIs) return file.rows(e.tensor(), from, to);
        if (!decodesRows(name)) return WeightSource.super.rows(name, from, to);
        return file.rows(e.tensor(), rowsInFile(e, from, to));
    }

    /** Whether Hugging Face's rows are whole rows of the file. */
    boolean decodesRows(String name) {
        Entry e = entries.get(name);
        return e.layout() instanceof GgufLayout.AsIs || e.layout() instanceof GgufLayout.Rows;
    }

    private static int[] rowsInFile(Entry e, int from, int to) {
        return IntStream.range(from, to)
                .map(r -> (int) e.layout().inFile(r, 0)[0])
                .toArray();
    }

    /** The block with the weight at Hugging Face's [row, column]; the block's own position is the file's. */
    GgufBlock block(String name, long row, long column) {
        Entry e = entries.get(name);
        long[] at = e.layout().inFile(row, column);
        return file.block(e.tensor(), at[0], at[1]);
    }

    /** Rows [from, to) of Hugging Face's matrix as unpacked blocks; null where the file's matrix is transposed. */
    GgufRows blocks(String name, int from, int to) {
        Entry e = entries.get(name);
        if (e.layout() instanceof GgufLayout.Transposed || e.layout() instanceof GgufLayout.Columns) return null;
        if (e.layout() instanceof GgufLayout.AsIs) return file.blocks(e.tensor(), from, to);
        return file.blocks(e.tensor(), rowsInFile(e, from, to));
    }

    @Override
    public FileBytes bytesOfFile() {
        return file.bytes();
    }

    @Override
    public void close() {
        // The mapping lives as long as tensors over it.
    }
}
