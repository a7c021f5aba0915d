package org.llminspector.run.models;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.llminspector.base.DType;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.family.Weights;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.QuantizedTensor;
import org.llminspector.quant.SchemeInfo;
import org.llminspector.quant.WeightStatistics;

/**
 * Views of weights under quantization schemes.
 *
 * <p>A weight is named as in the files, with the layout it has there, or canonically ({@code blocks.0.attn.q.weight}),
 * as [out, in] in every family. Work on whole weights runs one at a time, on all cores, and is cached.
 */
final class WeightViews {

    /** Pseudo-scheme: the file's own format. */
    static final String STORED = "stored";

    private static final int KEPT = 64;

    private final ReentrantLock reading = new ReentrantLock();
    private final Cache<List<Object>, Object> kept =
            Caffeine.newBuilder().executor(Runnable::run).maximumSize(KEPT).build();

    QuantReport report(
            ModelFolder folder,
            QuantScheme scheme,
            Importance importance,
            Consumer<QuantReport.Progress> progress,
            BooleanSupplier cancelled) {
        return once(
                List.of(folder, scheme, id(importance)),
                cancelled,
                () -> QuantReport.of(folder.weights(), scheme, importance, progress, cancelled),
                QuantReport.class);
    }

    private static String id(Importance importance) {
        return importance == null ? "" : importance.id();
    }

    WeightStatistics statistics(
            ModelFolder folder,
            String name,
            List<QuantScheme> schemes,
            Importance importance,
            BooleanSupplier cancelled) {
        info(folder, name);
        return once(
                List.of(folder, name, schemes, id(importance)),
                cancelled,
                () -> {
                    double[] means = importance == null ? null : means(folder, name, importance);
                    Importance.From from =
                            importance == null ? null : importance.from(means == null ? List.of(name) : List.of());
                    return WeightStatistics.of(whole(folder, name), "tensor " + name, schemes, means, from, cancelled);
                },
                WeightStatistics.class);
    }

    /**
     * Mean squares of what a weight's columns are multiplied with. Of the files' tensor only where its columns are inputs (GPT-2's
     * are outputs) and all canonical weights in it read the same; else null.
     */
    private static double[] means(ModelFolder folder, String name, Importance importance) {
        if (!folder.checkpoint().has(name)) return importance.of(name);
        List<String> within = folder.canonicalNames().getOrDefault(name, List.of());
        List<Long> shape = folder.checkpoint().info(name).shape();
        if (within.isEmpty() || shape.size() != 2) return null;
        double[] means = importance.of(within.get(0));
        if (means == null || means.length != shape.get(1)) return null;
        for (String w : within) if (importance.of(w) != means) return null;
        float[] inFile = folder.checkpoint().rows(name, 0, 1).toFloats();
        return Arrays.equals(inFile, folder.weights().rows(within.get(0), 0, 1).toFloats()) ? means : null;
    }

    private <T> T once(List<Object> key, BooleanSupplier cancelled, Supplier<T> work, Class<T> type) {
        try {
            while (!reading.tryLock(200, TimeUnit.MILLISECONDS)) {
                if (cancelled.getAsBoolean()) throw new CancellationException();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled(e);
        } catch (CancellationException e) {
            throw cancelled(e);
        }
        try {
            return type.cast(kept.get(key, k -> work.get()));
        } catch (CancellationException e) {
            throw cancelled(e);
        } finally {
            reading.unlock();
        }
    }

    private static Problem cancelled(Exception e) {
        return Problem.of(Problem.Kind.CANCELLED, "it was cancelled before its end")
                .causedBy(e);
    }

    /** Slice of a weight under a scheme, or under {@link #STORED} with the file's own blocks. */
    static WeightSlice slice(ModelFolder folder, String name, String scheme, Slice rows, Slice cols) {
        TensorInfo info = info(folder, name);
        boolean inFile = folder.checkpoint().has(name);
        Tensor whole = inFile ? null : matrix(folder.weights().get(name));
        long[] shape = inFile ? matrixShape(info.shape()) : whole.shape();
        int[] r = (rows == null ? Slice.ALL : rows).on(shape[0], "rows");
        int[] c = (cols == null ? Slice.ALL : cols).on(shape[1], "cols");
        QuantizedTensor q;
        Tensor values;
        if (scheme.equalsIgnoreCase(STORED)) {
            q = stored(folder.checkpoint(), name, r);
            values = q.decode();
        } else {
            QuantScheme s = QuantScheme.of(scheme);
            // Only a scale over the whole tensor needs rows outside the slice.
            boolean rowsAlone = whole == null && info.shape().size() == 2 && !s.readsWhole();
            Tensor from = rowsAlone
                    ? folder.checkpoint().rows(name, r[0], r[1])
                    : whole == null ? matrix(folder.checkpoint().get(name)) : whole;
            int first = rowsAlone ? 0 : r[0];
            String where = "tensor " + name + (rowsAlone ? ", rows " + r[0] + ":" + r[1] + " " : "");
            q = s.over(from, where).rows(first, first + r[1] - r[0]);
            values = from.rows(first, first + r[1] - r[0]);
        }
        return part(name, info.format(), shape, q, floats(values), r, c);
    }

    private static QuantizedTensor stored(Checkpoint checkpoint, String name, int[] rows) {
        if (!checkpoint.has(name)) {
            throw Problem.unsupported("blocks are the file's, and this is a canonical name")
                    .where("tensor " + name)
                    .expected("the file's own name for it")
                    .instead("list the tensors: each says which canonical weights are made of it");
        }
        return QuantizedTensor.of(checkpoint.blocks(name, rows[0], rows[1]));
    }

    private static WeightSlice part(
            String name, String format, long[] shape, QuantizedTensor q, Tensor values, int[] rows, int[] cols) {
        int[] all = {0, q.rows()};
        int[] groups = groups(q, cols);
        Tensor codes = q.codes().slice(all, cols);
        Tensor was = values.slice(all, cols);
        Tensor decoded = q.decode().slice(all, cols);
        return new WeightSlice(
                name,
                format,
                List.of(shape[0], shape[1]),
                SchemeInfo.of(q.scheme()),
                List.of(rows[0], rows[1]),
                List.of(cols[0], cols[1]),
                q.scheme().groupSize(q.cols()),
                groups[0],
                was,
                codes,
                perGroup(q.scales(), groups),
                perGroup(q.zeroPoints(), groups),
                perGroup(q.mins(), groups),
                decoded,
                q.scheme().quantizes() ? difference(decoded, was) : null);
    }

    /** Range of a row's groups that the columns fall into. */
    private static int[] groups(QuantizedTensor q, int[] cols) {
        if (q.groups() <= 1) return new int[] {0, q.groups()};
        int size = q.scheme().groupSize(q.cols());
        return new int[] {cols[0] / size, (cols[1] - 1) / size + 1};
    }

    private static Tensor perGroup(Tensor t, int[] groups) {
        return t == null ? null : t.slice(new int[] {0, Math.toIntExact(t.shape()[0])}, groups);
    }

    private static Tensor difference(Tensor decoded, Tensor values) {
        float[] d = decoded.toFloats();
        float[] v = values.toFloats();
        for (int i = 0; i < d.length; i++) d[i] -= v[i];
        return Tensor.of(d, decoded.shape());
    }

    private static Tensor floats(Tensor t) {
        return t.dtype() == DType.F32 ? t : Tensor.of(t.toFloats(), t.shape());
    }

    private static Tensor whole(ModelFolder folder, String name) {
        return folder.checkpoint().has(name)
                ? folder.checkpoint().get(name)
                : folder.weights().get(name);
    }

    private static Tensor matrix(Tensor t) {
        List<Long> shape = new ArrayList<>();
        for (long d : t.shape()) shape.add(d);
        return t.reshaped(matrixShape(shape));
    }

    /** Shape as a matrix: a vector is one row; leading axes are rows. */
    private static long[] matrixShape(List<Long> shape) {
        long cols = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
        long rows = 1;
        for (int a = 0; a < shape.size() - 1; a++) rows *= shape.get(a);
        return new long[] {rows, cols};
    }

    /** Header entry of the tensor that a weight is, or is part of. */
    static TensorInfo info(ModelFolder folder, String name) {
        Weights weights = folder.weights();
        TensorInfo inFile = folder.checkpoint().tensors().get(name);
        if (inFile != null) return inFile;
        if (weights.has(name)) return weights.info(name);
        List<String> names = new ArrayList<>(folder.checkpoint().tensors().keySet());
        names.addAll(weights.names());
        throw Problem.notFound("the model has no such tensor")
                .where("tensor " + Problem.shown(name))
                .instead(Names.closestSentence(name, names));
    }
}
