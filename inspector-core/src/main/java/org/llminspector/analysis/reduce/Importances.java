package org.llminspector.analysis.reduce;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.SquareSums;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.GgufArchitectures;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.family.Weights;
import org.llminspector.quant.Importance;

/**
 * Mean squares of what a model's matrices read: of a sweep's sums ({@link InputSquares}), or of an importance matrix as
 * llama-imatrix and {@link Imatrix} write it.
 *
 * <p>An expert to which no token was sent has none.
 */
public final class Importances {

    private static final String SUMS = ".in_sum2";
    private static final String COUNTS = ".counts";

    private final Weights weights;
    private final String where;
    private final Map<String, double[]> means = new HashMap<>();
    private long tokens;

    private Importances(Weights weights, String where) {
        this.weights = weights;
        this.where = where;
    }

    /**
     * Of a sweep.
     *
     * @param state of {@link InputSquares}
     * @param id of these numbers
     * @param corpus its name
     */
    public static Importance of(
            Weights weights, Function<String, Tensor> state, String id, String source, String corpus) {
        Importances all = new Importances(weights, source);
        for (MatrixInput input : MatrixInput.all(weights.spec())) {
            if (input.modules().isEmpty()) continue;
            SquareSums sums = SquareSums.read(InputSquares.at(input), state);
            for (int r = 0; sums != null && r < sums.rows(); r++) {
                all.put(input, r, sums.sums(r), sums.count(r), InputSquares.at(input) + "sum2");
            }
        }
        return new Importance(id, source, names(List.of(corpus)), all.tokens, all.means);
    }

    /**
     * Of a GGUF file of type {@code imatrix}.
     *
     * @param source its name, for messages and answers
     * @throws Problem where it is damaged, of the format before GGUF, or of another model
     */
    public static Importance of(Weights weights, Path path, String source) {
        refuseOld(path, source);
        GgufFile file = GgufFile.open(path);
        String type = file.metadata().text("general.type", "");
        if (!type.equals("imatrix")) {
            throw Problem.invalid("this GGUF file is no importance matrix")
                    .where(source)
                    .expected("general.type imatrix")
                    .found(type.isEmpty() ? "none" : Problem.shown(type))
                    .instead("make one: inspector sweep --reduce imatrix, or llama-imatrix");
        }
        Importances all = new Importances(weights, source);
        all.pairs(file);
        if (!GgufArchitectures.has(weights.spec().family())) {
            throw Problem.unsupported("llama.cpp has no name for this model's matrices")
                    .where(source)
                    .found(Problem.shown(weights.spec().family()))
                    .instead("weigh by a sweep of the model instead");
        }
        for (MatrixInput input : MatrixInput.all(weights.spec())) all.read(file, input);
        if (all.means.isEmpty()) {
            throw Problem.invalid("the importance matrix is of another model")
                    .where(source)
                    .expected("matrices of this model, such as " + all.example())
                    .found(
                            file.tensors().isEmpty()
                                    ? "no tensor"
                                    : Problem.shown(
                                            file.tensors().keySet().iterator().next()));
        }
        String id = path + " " + path.toFile().length() + " " + path.toFile().lastModified();
        return new Importance(id, source, names(file.metadata().texts("imatrix.datasets")), all.tokens, all.means);
    }

    /** Corpora without the folders that they lay in on some machine. */
    private static List<String> names(List<String> paths) {
        return paths.stream().map(p -> p.replaceFirst("^.*[/\\\\]", "")).toList();
    }

    private String example() {
        return MatrixInput.all(weights.spec()).stream()
                .flatMap(i -> Imatrix.names(weights, i).stream())
                .findFirst()
                .orElse("none of llama.cpp's");
    }

    /** Every sum has its count, and the other way round. */
    private void pairs(GgufFile file) {
        for (String name : file.tensors().keySet()) {
            String matrix = name.replaceFirst("[.](in_sum2|counts)$", "");
            String other = matrix + (name.endsWith(SUMS) ? COUNTS : SUMS);
            if (matrix.equals(name) || file.tensors().containsKey(other)) continue;
            throw Problem.invalid("the importance matrix lacks a tensor")
                    .where(where)
                    .expected(other)
                    .found("only " + Problem.shown(name))
                    .instead("make it again: it was cut");
        }
    }

    private void read(GgufFile file, MatrixInput input) {
        for (String name : Imatrix.names(weights, input)) {
            if (!file.tensors().containsKey(name + SUMS)) continue;
            float[] counts = file.tensor(name + COUNTS).toFloats();
            float[] sums = file.tensor(name + SUMS).toFloats();
            long experts = input.expert()
                    ? weights.spec().layers().get(input.layer()).mlp().experts().count()
                    : 1;
            if (counts.length != experts) {
                throw wrong(name + COUNTS)
                        .expected(experts == 1 ? "one count" : "counts of " + experts + " experts")
                        .found(counts.length);
            }
            if (sums.length % counts.length != 0 || sums.length == 0)
                throw wrong(name + SUMS).expected("sums by expert and channel").found(sums.length + " sums");
            int channels = sums.length / counts.length;
            for (int r = 0; r < counts.length; r++) {
                if (!(counts[r] >= 0) || counts[r] == Float.POSITIVE_INFINITY || counts[r] != Math.rint(counts[r]))
                    throw wrong(name + COUNTS + "[" + r + "]")
                            .expected("a count")
                            .found(counts[r]);
                double[] row = new double[channels];
                for (int c = 0; c < channels; c++) row[c] = sums[r * channels + c];
                put(input, r, row, (long) counts[r], name + SUMS);
            }
        }
    }

    /**
     * Keeps a row's means for the matrices that read it; of those that share an input, the first name's.
     *
     * @param sums of squares, [channel]
     * @param named for messages
     */
    private void put(MatrixInput input, int row, double[] sums, long count, String named) {
        for (int c = 0; c < sums.length; c++) {
            if (!(sums[c] >= 0) || sums[c] == Double.POSITIVE_INFINITY)
                throw wrong(named + "[" + row + ", " + c + "]")
                        .expected("a sum of squares")
                        .found(sums[c]);
        }
        if (count == 0) return;
        double[] mean = sums.clone();
        for (int c = 0; c < mean.length; c++) mean[c] /= count;
        for (String module : input.modules()) {
            String weight = module.replace("{e}", Integer.toString(row)) + ".weight";
            if (!weights.has(weight)) continue;
            long[] shape = weights.shape(weight);
            long channels = shape[shape.length - 1];
            if (channels != sums.length) {
                throw wrong(named)
                        .expected("sums of the " + channels + " inputs of " + weight)
                        .found(sums.length)
                        .instead("take the importance matrix of this model");
            }
            means.putIfAbsent(weight, mean);
        }
        if (!input.expert()) tokens = Math.max(tokens, count);
    }

    private Problem wrong(String tensor) {
        return Problem.invalid("the importance matrix has a wrong tensor").where(where + ", " + tensor);
    }

    /** llama-imatrix wrote a format of its own before GGUF: a count of entries, then names with their lengths. */
    private static void refuseOld(Path path, String source) {
        byte[] head = new byte[12];
        int read = Reads.uninterrupted(path, () -> head(path, ByteBuffer.wrap(head)));
        ByteBuffer numbers = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        int entries = numbers.getInt();
        int length = numbers.getInt();
        boolean named = head[8] >= 'a' && head[8] <= 'z' && head[9] >= ' ' && head[9] < 127;
        if (read < head.length || entries < 1 || entries > 1 << 20 || length < 2 || length > 256 || !named) return;
        throw Problem.unsupported("this is an importance matrix in the format that llama.cpp had before GGUF")
                .where(source)
                .expected("a GGUF file")
                .found("imatrix.dat, " + entries + " matrices")
                .instead("convert it: llama-imatrix --in-file imatrix.dat -o imatrix.gguf");
    }

    private static int head(Path path, ByteBuffer head) throws IOException {
        try (FileChannel channel = Reads.channel(path)) {
            return Math.max(0, channel.read(head));
        }
    }
}
