package org.llminspector.run.models;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.DType;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.SchemeInfo;
import org.llminspector.quant.WeightStatistics;

/** The weights of every model here, as stored and under quantization schemes. Thread-safe. */
public final class ModelWeights {

    /**
     * One tensor of a checkpoint.
     *
     * @param dtype as decoded
     * @param format as stored: BF16, Q4_K
     * @param bytes in the file
     * @param weights canonical weights in it
     */
    public record Entry(
            String name, DType dtype, String format, List<Long> shape, long bytes, String file, List<String> weights) {}

    private final OpenModels models;
    private final WeightViews views = new WeightViews();

    public ModelWeights(OpenModels models) {
        this.models = models;
    }

    /** Every tensor of a model's files. */
    public List<Entry> list(String slug) {
        ModelFolder folder = models.folder(slug);
        Map<String, List<String>> canonical = folder.canonicalNames();
        return folder.checkpoint().tensors().values().stream()
                .map(t -> new Entry(
                        t.name(),
                        t.dtype(),
                        t.format(),
                        t.shape(),
                        t.bytes(),
                        t.file().getFileName().toString(),
                        canonical.getOrDefault(t.name(), List.of())))
                .toList();
    }

    /**
     * The shape of a weight.
     *
     * @param name as in the files, or canonical
     */
    public List<Long> shape(String slug, String name) {
        ModelFolder folder = models.folder(slug);
        if (canonical(folder, name)) {
            return Arrays.stream(folder.weights().shape(name)).boxed().toList();
        }
        return WeightViews.info(folder, name).shape();
    }

    private static boolean canonical(ModelFolder folder, String name) {
        return !folder.checkpoint().has(name) && folder.weights().has(name);
    }

    /**
     * Slice of one weight, decoded to float32; rows and cols slice the first and the last axis.
     *
     * @param name as in the files, or canonical as in {@code Weights}, which is [out, in] in every family
     */
    public Tensor tensor(String slug, String name, Slice rows, Slice cols) {
        ModelFolder folder = models.folder(slug);
        Checkpoint checkpoint = folder.checkpoint();
        if (canonical(folder, name)) {
            if (folder.weights().shape(name).length != 2)
                return sliced(folder.weights().get(name), rows, cols);
            int[] range = (rows == null ? Slice.ALL : rows).on(folder.weights().shape(name)[0], "rows");
            return sliced(folder.weights().rows(name, range[0], range[1]), Slice.ALL, cols);
        }
        TensorInfo info = checkpoint.tensors().get(name);
        if (info != null && info.shape().size() == 2) {
            int[] range = (rows == null ? Slice.ALL : rows).on(info.shape().get(0), "rows");
            Tensor t = checkpoint.rows(name, range[0], range[1]);
            return sliced(t, Slice.ALL, cols);
        }
        return sliced(checkpoint.get(name), rows, cols);
    }

    private static Tensor sliced(Tensor t, Slice rows, Slice cols) {
        long[] shape = t.shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) {
            Slice s = a == 0 ? rows : a == shape.length - 1 ? cols : Slice.ALL;
            ranges[a] = (s == null ? Slice.ALL : s).on(shape[a], a == 0 ? "rows" : "cols");
        }
        Tensor part = t.slice(ranges);
        return part.dtype() == DType.F32 ? part : Tensor.of(part.toFloats(), part.shape());
    }

    /** The block of a quantized GGUF tensor that contains the weight at [row, col]: codes, scales, mins and values. */
    public GgufBlock block(String slug, String name, long row, long col) {
        return models.folder(slug).checkpoint().block(name, row, col);
    }

    /** The available quantization schemes. */
    public static List<SchemeInfo> schemes() {
        return QuantScheme.standard().stream().map(SchemeInfo::of).toList();
    }

    /**
     * Slice of one weight under a scheme; scales are computed from the whole weight.
     *
     * @param name as in the files, or canonical; a vector is one row
     * @param scheme a scheme's name, or "stored" for the blocks of a GGUF file
     */
    public WeightSlice slice(String slug, String name, String scheme, Slice rows, Slice cols) {
        return WeightViews.slice(models.folder(slug), name, scheme, rows, cols);
    }

    /** Distribution of a weight's values and its quantization error under each scheme; reads the whole weight once. */
    public WeightStatistics statistics(String slug, String name, List<QuantScheme> schemes, BooleanSupplier cancelled) {
        return statistics(slug, name, schemes, null, cancelled);
    }

    /**
     * The same, with errors weighted too.
     *
     * @param importance by which, or null
     */
    public WeightStatistics statistics(
            String slug, String name, List<QuantScheme> schemes, Importance importance, BooleanSupplier cancelled) {
        return views.statistics(models.folder(slug), name, schemes, importance, cancelled);
    }

    /** Size of the whole model under each scheme; reads no weight. */
    public QuantReport.Sizes sizes(String slug, List<QuantScheme> schemes) {
        return QuantReport.sizes(models.folder(slug).weights(), schemes);
    }

    /**
     * Quantization report of the whole model under a scheme; reads all weights once. Blocks; progress is reported after
     * each weight.
     */
    public QuantReport report(
            String slug, QuantScheme scheme, Consumer<QuantReport.Progress> progress, BooleanSupplier cancelled) {
        return report(slug, scheme, null, progress, cancelled);
    }

    /**
     * The same, with errors weighted too.
     *
     * @param importance by which, or null
     */
    public QuantReport report(
            String slug,
            QuantScheme scheme,
            Importance importance,
            Consumer<QuantReport.Progress> progress,
            BooleanSupplier cancelled) {
        return views.report(models.folder(slug), scheme, importance, progress, cancelled);
    }
}
