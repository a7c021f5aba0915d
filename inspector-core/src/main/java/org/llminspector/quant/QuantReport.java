package org.llminspector.quant;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.family.Weights;

/**
 * Error and size of a whole model under one scheme: matrices are quantized, vectors (norms, biases) stay as in the
 * files.
 *
 * @param storedBytes bytes of these weights in the files
 * @param bytes bytes of all weights under the scheme
 * @param error over all quantized weights together
 * @param weights canonical weights, lowest SQNR first (of the weighted error, where it is asked for), unquantized ones last
 * @param importance by which errors are weighted too; null where none is asked for
 */
public record QuantReport(
        SchemeInfo scheme,
        long parameters,
        long storedBytes,
        long bytes,
        double bitsPerWeight,
        Totals error,
        List<Row> weights,
        Importance.From importance) {

    /**
     * @param name canonical: blocks.0.attn.q.weight, [out, in]
     * @param tensor the tensor in the files that contains it
     * @param format of that tensor in its file: BF16, Q4_K
     * @param storedBytes its share of that tensor's bytes
     * @param error null for a weight that is kept unquantized or refused
     * @param refused why the scheme refuses it
     */
    public record Row(
            String name,
            String tensor,
            String format,
            List<Long> shape,
            boolean quantized,
            long storedBytes,
            long bytes,
            double bitsPerWeight,
            QuantError error,
            String refused) {
        public Row {
            shape = List.copyOf(shape);
        }
    }

    /**
     * @param sqnrDb null when the error is 0
     * @param weighted over all weights that have one; null where none has
     */
    public record Totals(double max, double rms, double relative, Double sqnrDb, QuantError.Weighted weighted) {}

    /**
     * Size of a whole model under a scheme, with vectors as in the files.
     *
     * @param bytes packed, with scales and zero points
     */
    public record Size(SchemeInfo scheme, long bytes, double bitsPerWeight) {}

    /**
     * Sizes of a model under several schemes.
     *
     * @param storedBytes bytes of its weights in the files
     */
    public record Sizes(long parameters, long storedBytes, List<Size> schemes) {
        public Sizes {
            schemes = List.copyOf(schemes);
        }
    }

    /** Sizes only, without reading weights. */
    public static Sizes sizes(Weights weights, List<QuantScheme> schemes) {
        long parameters = 0;
        for (String name : weights.names()) parameters += Tensor.elements(weights.shape(name));
        long all = parameters;
        return new Sizes(
                all,
                weights.storedBytes(),
                schemes.stream()
                        .map(s -> {
                            long bytes = weights.names().stream()
                                    .mapToLong(name -> bytes(weights, name, s))
                                    .sum();
                            return new Size(SchemeInfo.of(s), bytes, all == 0 ? 0 : 8.0 * bytes / all);
                        })
                        .toList());
    }

    private static long bytes(Weights weights, String name, QuantScheme scheme) {
        long[] shape = weights.shape(name);
        if (shape.length < 2) return weights.storedBytes(name);
        int cols = Math.toIntExact(shape[shape.length - 1]);
        return scheme.bytes(cols == 0 ? 0 : Tensor.elements(shape) / cols, cols);
    }

    /** Progress report after each weight. */
    public record Progress(int done, int of, String weight) {}

    public QuantReport {
        weights = List.copyOf(weights);
    }

    /**
     * Quantizes the whole model, a weight at a time.
     *
     * @param importance by which errors are weighted too, or null
     */
    public static QuantReport of(
            Weights weights,
            QuantScheme scheme,
            Importance importance,
            Consumer<Progress> progress,
            BooleanSupplier cancelled) {
        List<Row> rows = new ArrayList<>();
        double[] weighted = new double[2]; // signal and noise
        double noise = 0;
        double signal = 0;
        double max = 0;
        long quantized = 0;
        for (String name : weights.names()) {
            Tensor weight = weights.get(name);
            double[] means = importance == null ? null : importance.of(name);
            Row row = row(name, weight, weights.info(name), scheme, means, cancelled);
            rows.add(row);
            QuantError e = row.error();
            if (e != null) {
                double n = e.rms() * e.rms() * weight.size();
                noise += n;
                signal += e.norm() * e.norm();
                max = Math.max(max, e.max());
                quantized += weight.size();
                if (e.weighted() != null) {
                    double norm = e.weighted().norm();
                    weighted[0] += norm * norm;
                    weighted[1] +=
                            norm * norm * e.weighted().relative() * e.weighted().relative();
                }
            }
            progress.accept(new Progress(rows.size(), weights.names().size(), name));
        }
        rows.sort(Comparator.comparing((Row r) -> importance != null && weightedOf(r) == null)
                .thenComparing(
                        r -> importance == null || weightedOf(r) == null
                                ? r.error() == null ? null : r.error().sqnrDb()
                                : weightedOf(r).sqnrDb(),
                        Comparator.nullsLast(Comparator.naturalOrder()))
                .thenComparing(r -> r.error() == null));
        List<Row> without = rows.stream()
                .filter(r -> r.error() != null && weightedOf(r) == null)
                .toList();
        boolean some = rows.stream().anyMatch(r -> weightedOf(r) != null);
        long parameters = rows.stream().mapToLong(r -> elements(r.shape())).sum();
        long bytes = rows.stream().mapToLong(Row::bytes).sum();
        return new QuantReport(
                SchemeInfo.of(scheme),
                parameters,
                rows.stream().mapToLong(Row::storedBytes).sum(),
                bytes,
                parameters == 0 ? 0 : 8.0 * bytes / parameters,
                new Totals(
                        max,
                        quantized == 0 ? 0 : Math.sqrt(noise / quantized),
                        noise == 0 ? 0 : Math.sqrt(noise / signal),
                        noise == 0 ? null : 10 * Math.log10(signal / noise),
                        some ? QuantError.Weighted.of(weighted[0], weighted[1]) : null),
                rows,
                importance == null
                        ? null
                        : importance.from(without.stream().map(Row::name).toList()));
    }

    private static QuantError.Weighted weightedOf(Row row) {
        return row.error() == null ? null : row.error().weighted();
    }

    private static Row row(
            String name,
            Tensor weight,
            TensorInfo info,
            QuantScheme scheme,
            double[] means,
            BooleanSupplier cancelled) {
        List<Long> shape = Arrays.stream(weight.shape()).boxed().toList();
        long stored = info.elements() == 0 ? 0 : Math.round((double) info.bytes() * weight.size() / info.elements());
        SchemeResult result = null;
        String refused = null;
        if (weight.rank() >= 2) {
            try {
                result = scheme.over(weight, "weight " + name).result(means, cancelled);
            } catch (Problem p) {
                refused = p.getMessage();
            }
        }
        long bytes = result == null ? stored : result.bytes();
        return new Row(
                name,
                info.name(),
                info.format(),
                shape,
                result != null,
                stored,
                bytes,
                weight.size() == 0 ? 0 : 8.0 * bytes / weight.size(),
                result == null ? null : result.error(),
                refused);
    }

    private static long elements(List<Long> shape) {
        return shape.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
    }
}
