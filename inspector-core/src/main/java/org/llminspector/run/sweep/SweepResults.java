package org.llminspector.run.sweep;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.llminspector.analysis.output.Intervals;
import org.llminspector.analysis.reduce.DocumentSums;
import org.llminspector.analysis.reduce.Histogram;
import org.llminspector.analysis.reduce.OutputPairs;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.parquet.ParquetTable;
import org.llminspector.run.evaluate.Evaluation;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.tokenize.Token;

/** The merged results of a finished sweep, read from its folder. */
public final class SweepResults {

    /**
     * One tensor of a reducer's state.
     *
     * @param kind the reducer
     * @param name within it, such as {@code blocks.0.mlp.hook_post/mean}
     */
    public record Entry(String kind, String name, String dtype, List<Long> shape) {}

    private final SweepFolder folder;

    private static final Pattern HEAD_SUM = Pattern.compile("blocks\\.([0-9]{1,6})/([a-z_]+)/sum");

    /** @throws Problem CONFLICT while parts are missing or not merged */
    public SweepResults(SweepFolder folder) {
        this.folder = folder;
        if (folder.results().isEmpty()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the sweep has no results yet")
                    .where("sweep " + folder.dir().getFileName())
                    .expected("merged results")
                    .found("parts that are missing")
                    .instead("wait until it has ended, or go on with it");
        }
    }

    /** Every tensor. */
    public List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        folder.results().forEach((kind, path) -> {
            try (SafetensorsFile file = SafetensorsFile.open(path)) {
                file.tensors()
                        .forEach((name, info) ->
                                entries.add(new Entry(kind, name, info.dtype().name(), info.shape())));
            }
        });
        return entries;
    }

    /** The file with all tensors of a reducer. */
    public Path file(String kind) {
        Path path = folder.results().get(kind);
        if (path == null) {
            throw Problem.notFound("the sweep did not keep this")
                    .where("reducer " + Problem.shown(kind))
                    .expected("one of " + String.join(", ", folder.results().keySet()));
        }
        return path;
    }

    /** A copy of one tensor. */
    public Tensor tensor(String kind, String name) {
        try (SafetensorsFile file = SafetensorsFile.open(file(kind))) {
            return copy(file, name);
        }
    }

    /**
     * A table: one tensor, or all whose names begin with {@code name/} as its columns, such as {@code window} of {@code
     * loss} with a row a window, or a hook of {@code moments} with a row a channel.
     *
     * @throws Problem NOT_FOUND where there is none; INVALID where they have different numbers of rows
     */
    public ParquetTable table(String kind, String name) {
        ParquetTable table = new ParquetTable();
        try (SafetensorsFile file = SafetensorsFile.open(file(kind))) {
            String within = name + "/";
            List<String> columns = file.tensors().containsKey(name)
                    ? List.of()
                    : file.tensors().keySet().stream()
                            .filter(n -> n.startsWith(within))
                            .sorted()
                            .toList();
            if (columns.isEmpty()) return table.add(name.substring(name.lastIndexOf('/') + 1), copy(file, name));
            for (String c : columns) table.add(c.substring(within.length()), copy(file, c));
        }
        return table;
    }

    private static Tensor copy(SafetensorsFile file, String name) {
        if (!file.tensors().containsKey(name)) {
            throw Problem.notFound("the sweep has no such values")
                    .where(Problem.shown(name))
                    .expected("such as "
                            + file.tensors().keySet().stream().limit(4).collect(Collectors.joining(", ")));
        }
        Tensor mapped = file.tensor(name);
        java.nio.ByteBuffer bytes = java.nio.ByteBuffer.allocate(Math.toIntExact(mapped.byteSize()))
                .order(java.nio.ByteOrder.LITTLE_ENDIAN);
        bytes.put(mapped.data()).rewind();
        return Tensor.of(mapped.dtype(), bytes, mapped.shape());
    }

    /**
     * A window in which a unit has one of its extreme values.
     *
     * @param position of the value in the window
     * @param document its id
     * @param tokens of the window, its prefix included
     */
    public record Example(double value, long window, int position, String document, List<Token> tokens) {}

    /**
     * What a sweep says of one unit: a neuron, a head, an expert.
     *
     * @param count finite values; null, like those after it, where the sweep did not keep moments of the hook
     * @param std over all positions that count
     * @param firing share of values above 0; null where it kept no histogram
     * @param histogram counts by exponent: negative numbers from the largest magnitude, zeros, positive numbers, then NaN and
     *     infinities; null where it kept none
     * @param high the largest values, best first; null where it kept no top examples
     * @param low the smallest
     */
    public record Unit(
            String hook,
            int unit,
            Long count,
            Double mean,
            Double std,
            Double min,
            Double max,
            Double firing,
            List<Long> histogram,
            List<Example> high,
            List<Example> low) {}

    /**
     * What the sweep says of a unit.
     *
     * @param hook its name
     * @param token by its id
     */
    public Unit unit(String hook, int unit, IntFunction<Token> token) {
        Map<String, Path> kinds = folder.results();
        Long count = null;
        Double mean = null;
        Double std = null;
        Double min = null;
        Double max = null;
        boolean known = false;
        if (kinds.containsKey("moments")) {
            try (SafetensorsFile f = SafetensorsFile.open(kinds.get("moments"))) {
                if (f.tensors().containsKey(hook + "/count")) {
                    known = true;
                    count = (long) at(f, hook + "/count", unit);
                    mean = at(f, hook + "/mean", unit);
                    std = count == 0 ? null : Math.sqrt(at(f, hook + "/m2", unit) / count);
                    min = at(f, hook + "/min", unit);
                    max = at(f, hook + "/max", unit);
                }
            }
        }
        long[] histogram = null;
        if (kinds.containsKey("histogram")) {
            try (SafetensorsFile f = SafetensorsFile.open(kinds.get("histogram"))) {
                if (f.tensors().containsKey(hook + "/channel")) {
                    known = true;
                    histogram = row(f.tensor(hook + "/channel"), hook, unit);
                }
            }
        }
        List<Example> high = null;
        List<Example> low = null;
        if (kinds.containsKey("top")) {
            try (SafetensorsFile f = SafetensorsFile.open(kinds.get("top"))) {
                if (f.tensors().containsKey(hook + "/size")) {
                    known = true;
                    int size = (int) at(f, hook + "/size", unit);
                    high = examples(f, hook + "/high/", unit, size, token);
                    low = examples(f, hook + "/low/", unit, size, token);
                }
            }
        }
        if (!known) {
            throw Problem.notFound("the sweep kept nothing of this hook")
                    .where(Problem.shown(hook))
                    .instead("sweep with --reduce top,moments,histogram:" + hook);
        }
        Double firing = histogram == null ? null : Histogram.firingRate(histogram);
        List<Long> cells =
                histogram == null ? null : LongStream.of(histogram).boxed().toList();
        return new Unit(hook, unit, count, mean, std, min, max, firing, cells, high, low);
    }

    private static double at(SafetensorsFile file, String name, int unit) {
        Tensor t = file.tensor(name);
        check(unit, t.size(), name);
        return t.get(unit);
    }

    private static long[] row(Tensor t, String hook, int unit) {
        check(unit, t.shape()[0], hook);
        int width = (int) t.shape()[1];
        return LongStream.range(0, width)
                .map(c -> (long) t.get((long) unit * width + c))
                .toArray();
    }

    private static void check(int unit, long units, String name) {
        if (unit >= 0 && unit < units) return;
        throw Problem.notFound("there is no such unit")
                .where(name)
                .expected("0 to " + (units - 1))
                .found(unit);
    }

    private List<Example> examples(SafetensorsFile file, String at, int unit, int size, IntFunction<Token> token) {
        Tensor values = file.tensor(at + "value");
        Tensor windows = file.tensor(at + "window");
        Tensor positions = file.tensor(at + "position");
        long k = values.shape()[1];
        List<Example> examples = new ArrayList<>();
        try (SafetensorsFile all = SafetensorsFile.open(folder.dir().resolve("windows.safetensors"))) {
            List<String> documents = folder.documents();
            Tensor begin = all.tensor("begin");
            Tensor tokens = all.tensor("tokens");
            for (int i = 0; i < size; i++) {
                long window = (long) windows.get(unit * k + i);
                long from = (long) begin.get(window);
                long to = window + 1 < begin.size() ? (long) begin.get(window + 1) : tokens.size();
                examples.add(new Example(
                        values.get(unit * k + i),
                        window,
                        (int) positions.get(unit * k + i),
                        documents.get((int) all.tensor("document").get(window)),
                        LongStream.range(from, to)
                                .mapToObj(t -> token.apply((int) tokens.get(t)))
                                .toList()));
            }
        }
        return examples;
    }

    /**
     * What the corpus costs the model.
     *
     * @param loss nats per token
     * @param low of its 95 % interval over documents; null with one document, as {@code high}
     * @param tokens that are predicted
     * @param positions loss by position in the window; null where no token is
     * @param counts of the tokens that are predicted at a position
     */
    public record Loss(
            double loss,
            Double low,
            Double high,
            double perplexity,
            long tokens,
            List<Double> positions,
            List<Long> counts) {}

    /** Loss of all tokens, and by position; null where the sweep did not keep it. */
    public Loss loss() {
        Path path = folder.results().get("loss");
        if (path == null) return null;
        try (SafetensorsFile f = SafetensorsFile.open(path)) {
            Tensor sums = f.tensor("position/sum");
            Tensor counts = f.tensor("position/count");
            double sum = 0;
            long count = 0;
            Double[] means = new Double[(int) sums.size()];
            List<Long> all = new ArrayList<>();
            for (int p = 0; p < means.length; p++) {
                long n = (long) counts.get(p);
                sum += sums.get(p);
                count += n;
                all.add(n);
                if (n > 0) means[p] = sums.get(p) / n;
            }
            if (count == 0) return null;
            Intervals.Mean mean =
                    DocumentSums.of(named(f, "loss/"), "loss/window/", "sum").mean(SEED);
            double loss = sum / count;
            return new Loss(loss, mean.low(), mean.high(), Math.exp(loss), count, Arrays.asList(means), all);
        }
    }

    /**
     * The corpus's loss through the logit lens, by layer; the last is the output's.
     *
     * @param loss nats per token; null for a layer whose logits were never finite
     * @param sameTop share of tokens whose most probable one is the output's already
     */
    public record Lens(List<Double> loss, List<Double> sameTop) {}

    /** Null where the sweep did not keep it. */
    public Lens lens() {
        Path path = folder.results().get("lens");
        if (path == null) return null;
        try (SafetensorsFile f = SafetensorsFile.open(path)) {
            return new Lens(
                    ratios(f.tensor("loss/sum"), f.tensor("loss/count")),
                    ratios(f.tensor("same_top"), f.tensor("loss/count")));
        }
    }

    /**
     * Heads of one layer over the corpus.
     *
     * @param roles by role ({@code previous_token}, {@code duplicate_token}, {@code induction}, {@code first_token}, {@code
     *     self}) each head's mean attention on the keys of it, over queries that have such a key; {@code entropy} in nats; null
     *     for a head without such a query
     */
    public record LayerHeads(int layer, Map<String, List<Double>> roles) {}

    /** By layer; null where the sweep did not keep them. */
    public List<LayerHeads> heads() {
        Path path = folder.results().get("heads");
        if (path == null) return null;
        SortedMap<Integer, Map<String, List<Double>>> layers = new TreeMap<>();
        try (SafetensorsFile f = SafetensorsFile.open(path)) {
            for (String name : f.tensors().keySet()) {
                Matcher sum = HEAD_SUM.matcher(name);
                if (!sum.matches()) continue;
                layers.computeIfAbsent(Integer.valueOf(sum.group(1)), l -> new TreeMap<>())
                        .put(sum.group(2), ratios(f.tensor(name), f.tensor(name.replace("/sum", "/count"))));
            }
        }
        List<LayerHeads> heads = new ArrayList<>();
        layers.forEach((layer, roles) -> heads.add(new LayerHeads(layer, roles)));
        return heads;
    }

    private static List<Double> ratios(Tensor sums, Tensor counts) {
        List<Double> means = new ArrayList<>();
        for (long i = 0; i < sums.size(); i++) {
            means.add(counts.get(i) == 0 ? null : sums.get(i) / counts.get(i));
        }
        return means;
    }

    /** Whether it has top examples, moments or a histogram of a hook's units. */
    public boolean keeps(String hook) {
        for (String kind : List.of("top", "moments", "histogram")) {
            Path path = folder.results().get(kind);
            if (path == null) continue;
            try (SafetensorsFile f = SafetensorsFile.open(path)) {
                if (f.tensors().keySet().stream().anyMatch(name -> name.startsWith(hook + "/"))) return true;
            }
        }
        return false;
    }

    /** A reducer's tensors by their names in a state. */
    private static Function<String, Tensor> named(SafetensorsFile file, String at) {
        return name -> {
            String own = name.substring(at.length());
            return file.tensors().containsKey(own) ? file.tensor(own) : null;
        };
    }

    /** Of the bootstrap: the same sweep has the same intervals. */
    private static final long SEED = 1;

    private static final int WORST = 20;

    /** Null for a sweep that is no evaluation. */
    public Evaluation evaluation() {
        return folder.evaluation();
    }

    /** Null for a sweep of one side. */
    public CorpusDivergence divergence() {
        Path path = folder.results().get(PreparedSweep.DIVERGENCE);
        if (path == null) return null;
        try (SafetensorsFile f = SafetensorsFile.open(path)) {
            Function<String, Tensor> state = named(f, PreparedSweep.DIVERGENCE + "/");
            DocumentSums kl = DocumentSums.of(state, OutputPairs.AT, "kl_ab");
            List<String> documents = folder.documents();
            return new CorpusDivergence(
                    Arrays.stream(kl.count()).sum(),
                    kl.mean(SEED),
                    DocumentSums.of(state, OutputPairs.AT, "kl_ba").mean(SEED),
                    DocumentSums.of(state, OutputPairs.AT, "nll_b", "nll_a").mean(SEED),
                    DocumentSums.of(state, OutputPairs.AT, "same_top").mean(SEED),
                    kl.worst(WORST).stream()
                            .map(d -> new CorpusDivergence.OfDocument(
                                    documents.get((int) kl.document()[d]), kl.sum()[d] / kl.count()[d], kl.count()[d]))
                            .toList());
        }
    }
}
