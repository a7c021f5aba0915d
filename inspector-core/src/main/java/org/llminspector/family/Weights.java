package org.llminspector.family;

import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.llminspector.base.DType;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.spec.DecoderSpec;

/**
 * A model's parameters under canonical names, independent of the files' names. Matrices are [out, in].
 *
 * <p>{@code embed.weight} [vocab, d_model], or [vocab, d_embed] with {@code project_in.weight} [d_model, d_embed] and
 * {@code project_out.weight} [d_embed, d_model]; {@code ln_embed.weight|bias}; {@code pos_embed.weight} [context,
 * d_model]; {@code ln_final.weight|bias}; {@code unembed.weight} [vocab, d_model] (absent when tied).
 *
 * <p>In block i, {@code blocks.i.} + {@code ln1|ln1_post|ln2|ln2_post.weight|bias}, {@code attn.q|k|v|o.weight|bias},
 * {@code attn.q_norm|k_norm.weight}, {@code attn.sinks.weight} [head]. Latent attention: {@code
 * attn.q_down|kv_down|k_rope.weight|bias} and {@code attn.q_latent_norm|kv_latent_norm.weight} before {@code
 * attn.q|k|v}. A short convolution instead of {@code attn}: {@code conv.b|c|x|out.weight|bias}, {@code
 * conv.kernel.weight} [width, d_model] and {@code conv.kernel.bias}.
 *
 * <p>A recurrence: projections {@code ssm.gate|x|b|c|dt|out.weight|bias} of Mamba 2 (Mamba: {@code
 * ssm.x|gate|dt_down|b|c|dt|out}; delta nets: {@code ssm.q|k|v|beta|gate|decay|out}, with {@code gate_down|decay_down}
 * before them where they are of low rank; lightning attention: {@code ssm.q|k|v|gate|out}; RG-LRU: {@code
 * ssm.x|gate|out}, and {@code ssm.input_gate|decay_gate.weight} [head, in, out]), {@code ssm.kernel.weight} [width,
 * channel], {@code ssm.a.weight} (rates of decay, at most 0), {@code ssm.dt_bias.weight}, {@code ssm.d.weight}, {@code
 * ssm.out_norm.weight} and Mamba's {@code ssm.dt_norm|b_norm|c_norm.weight}.
 *
 * <p>A layer's own inputs: {@code ple.embed.weight} [token, layer * d_ple], {@code ple.project.weight} [layer * d_ple,
 * d_model], {@code ple.project_norm.weight} [d_ple]; in block i {@code ple.gate.weight} [d_ple, d_model], {@code
 * ple.out.weight} [d_model, d_ple], {@code ple.out_norm.weight}. AltUp: {@code altup.f.project|unproject.weight}
 * [d_model, d_model] of forms 1 and above; in block i {@code altup.router.weight} [form, d_model], {@code
 * altup.predict.weight} [form * form, form], {@code altup.correct.weight} [form, form], {@code
 * altup.router_norm|scale.weight} [d_model]. LAuReL: {@code laurel.left.weight} [rank, d_model], {@code
 * laurel.right.weight} [d_model, rank], {@code laurel.out_norm.weight}. {@code out_scale.weight} [1].
 *
 * <p>MLP: {@code mlp.gate|in|out.weight|bias}; of xIELU {@code mlp.act.alpha_p|alpha_n|beta|eps} [1] (the factors as
 * they multiply, alpha_n less beta). Mixture: {@code mlp.router.weight|bias} [expert, d_model] and {@code
 * mlp.router.choice_bias}, {@code mlp.experts.e.gate|in|out.weight|bias}, {@code mlp.shared_expert.gate|in|out.weight},
 * {@code mlp.shared_expert_gate.weight} [1, d_model]; of experts parallel to a dense MLP {@code mlp.router.input_scale} [d_model],
 * {@code mlp.router.expert_scale} [expert] and {@code mlp.experts_norm|experts_post_norm|shared_expert.post_norm.weight}.
 */
public final class Weights {

    /**
     * The table of all layers' inputs, [token, layer * d_ple]: in Gemma 3n larger than all other weights together, of
     * which a token needs one row. An engine reads rows of it from the files.
     */
    public static final String LAYER_TABLE = "ple.embed.weight";

    /** Values per band of rows. */
    private static final long BAND = 1 << 18;

    private interface RowRange {
        Tensor apply(int from, int to);
    }

    private interface Rows {
        void each(int from, int to);
    }

    /** Listener to reads, called on any thread; its exception ends the reading. */
    @FunctionalInterface
    public interface Watch {
        /** @param bytes of the files that were read */
        void read(long bytes);
    }

    /** Replacement of a weight by another of the same shape. */
    @FunctionalInterface
    public interface Change {
        Tensor of(String name, Tensor weight);
    }

    private final DecoderSpec spec;
    private final Checkpoint checkpoint;
    private final WeightPlan plan;
    private final Watch watch;
    private final Predicate<String> changes;
    private final Change change;

    Weights(DecoderSpec spec, Checkpoint checkpoint, WeightPlan plan) {
        this(spec, checkpoint, plan, bytes -> {}, name -> false, (name, weight) -> weight);
    }

    private Weights(
            DecoderSpec spec,
            Checkpoint checkpoint,
            WeightPlan plan,
            Watch watch,
            Predicate<String> changes,
            Change change) {
        this.spec = spec;
        this.checkpoint = checkpoint;
        this.plan = plan;
        this.watch = watch;
        this.changes = changes;
        this.change = change;
    }

    /** The same weights, with a listener to their reads. */
    public Weights watched(Watch watch) {
        return new Weights(spec, checkpoint, plan, watch, changes, change);
    }

    /** The same weights, with those selected by {@code changes} replaced; these are computed whole and not mapped. */
    public Weights changed(Predicate<String> changes, Change change) {
        return new Weights(spec, checkpoint, plan, watch, changes, change);
    }

    /** Bytes of one weight in the files. */
    public long storedBytes(String name) {
        TensorInfo info = info(name);
        if (info.elements() == 0) return 0;
        return Math.round((double) info.bytes() * Tensor.elements(shape(name)) / info.elements());
    }

    /** Bytes of all weights in the files. */
    public long storedBytes() {
        return names().stream().mapToLong(this::storedBytes).sum();
    }

    public DecoderSpec spec() {
        return spec;
    }

    /** Every canonical weight of this model, in the order of the forward pass. */
    public Set<String> names() {
        return Collections.unmodifiableSet(plan.names());
    }

    /** The tensor in the files that contains a canonical weight. */
    public TensorInfo info(String name) {
        return checkpoint.info(source(name).tensor());
    }

    /**
     * The weights that are the same values of the files as an earlier one, and that one: ln2 and ln1, where attention
     * and MLP read the stream through one norm.
     */
    public Map<String, String> shared() {
        return plan.shared();
    }

    /** Where these weights lie in the files, to write others there. */
    public WeightLayout layout() {
        return new WeightLayout(this, checkpoint, plan);
    }

    /** Whether a canonical weight is a norm's factor. */
    public static boolean isNorm(String name) {
        return WeightPlan.NORM.matcher(name).find();
    }

    public boolean has(String name) {
        return plan.source(name) != null;
    }

    /** One weight in the number format of the file; unchanged ones are views of the mapped file. */
    public Tensor get(String name) {
        Tensor weight = read(name);
        watch.read(storedBytes(name));
        return weight;
    }

    private Tensor read(String name) {
        Tensor weight = source(name).read(checkpoint);
        return changes.test(name) ? change.of(name, weight) : weight;
    }

    /**
     * One weight as a mapped tensor outside the heap, if it is stored unchanged in this number format; otherwise empty.
     */
    public Optional<Tensor> inPlace(String name, DType dtype) {
        if (changes.test(name) || info(name).blocks() != null) return Optional.empty();
        Tensor weight = source(name).read(checkpoint);
        if (weight.dtype() != dtype || !weight.bytes().isNative()) return Optional.empty();
        watch.read(storedBytes(name));
        return Optional.of(weight);
    }

    /** Reports one weight as read, because its converted form exists already. */
    public void skipped(String name) {
        watch.read(storedBytes(name));
    }

    /** Its shape, without reading it. */
    public long[] shape(String name) {
        return source(name).own().stream().mapToLong(Long::longValue).toArray();
    }

    /** Work on a band of a matrix's rows. */
    @FunctionalInterface
    public interface Band {
        /** @param rows rows of the whole from {@code first} on, valid only during the call */
        void rows(int first, Tensor rows);
    }

    /**
     * Processes a weight in bands of rows on all cores: only these are decoded where the file's order allows, and
     * mapped pages are released after use. A vector is one band.
     */
    public void bands(String name, Band work) {
        bands(name, work, true);
    }

    /** The same, but mapped pages stay resident: for weights that are read again soon. */
    public void scan(String name, Band work) {
        bands(name, work, false);
    }

    private void bands(String name, Band work, boolean once) {
        long[] shape = shape(name);
        if (shape.length < 2) {
            work.rows(0, get(name));
            return;
        }
        RowRange rows = rows(name);
        inBands(name, shape, (from, to) -> {
            Tensor part = rows.apply(from, to);
            work.rows(from, part);
            if (once) part.release();
            part.free(); // frees what was decoded for this band, not a view of a file or of a whole matrix
        });
    }

    private void inBands(String name, long[] shape, Rows work) {
        double rowBytes = (double) storedBytes(name) / Math.max(1, shape[0]);
        int count = Math.toIntExact(shape[0]);
        int band = (int) Math.max(1, BAND / Math.max(1, Tensor.elements(shape) / Math.max(1, count)));
        Parallel.each((count + band - 1) / band, b -> {
            int from = b * band;
            int to = Math.min(count, from + band);
            work.each(from, to);
            watch.read(Math.round(rowBytes * (to - from)));
        });
    }

    /** One row of a matrix, as float32. */
    public float[] row(String name, int row) {
        return rows(name, row, row + 1).toFloats();
    }

    /** Rows [from, to) of a matrix; in quantized blocks only these are decoded where the file's order allows. */
    public Tensor rows(String name, int from, int to) {
        return rows(name).apply(from, to);
    }

    /**
     * Access to rows; reads the whole matrix first where that is a view of the file, or single rows cannot be decoded.
     */
    private RowRange rows(String name) {
        if (changes.test(name)) return read(name)::rows;
        WeightPlan.Source source = source(name);
        WeightPlan.Source.Rows in = source.inFile();
        if (in != null && info(name).blocks() != null && checkpoint.decodesRows(source.tensor())) {
            return (from, to) -> checkpoint.rows(source.tensor(), in.from() + from, in.from() + to);
        }
        return source.read(checkpoint)::rows;
    }

    /** Whether {@link #blocks} supports a matrix. */
    public boolean hasBlocks(String name) {
        return !changes.test(name)
                && source(name).inFile() != null
                && info(name).blocks() != null
                && checkpoint.decodesRows(source(name).tensor());
    }

    /** Work on some rows of a matrix in quantized blocks. */
    @FunctionalInterface
    public interface BlockBand {
        /** @param rows rows of the whole from {@code first} on, as codes and scales */
        void rows(int first, GgufRows rows);
    }

    /**
     * Processes a matrix that {@link #hasBlocks} in bands of rows on all cores: its codes and scales, not dequantized.
     */
    public void scanBlocks(String name, BlockBand work) {
        inBands(name, shape(name), (from, to) -> work.rows(from, blocks(name, from, to)));
    }

    /** Rows of a matrix as stored, in quantized blocks. */
    public GgufRows blocks(String name, int from, int to) {
        WeightPlan.Source.Rows in = source(name).inFile();
        return checkpoint.blocks(source(name).tensor(), in.from() + from, in.from() + to);
    }

    private WeightPlan.Source source(String name) {
        WeightPlan.Source source = plan.source(name);
        if (source == null) throw new IllegalArgumentException("no canonical weight " + name);
        return source;
    }
}
