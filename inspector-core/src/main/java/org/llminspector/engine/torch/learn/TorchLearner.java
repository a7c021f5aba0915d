package org.llminspector.engine.torch.learn;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.LearnerInfo;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Optimizer.Kind;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.PositionTables;
import org.llminspector.engine.torch.Positions;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.engine.torch.libtorch.Script;
import org.llminspector.engine.torch.libtorch.Tensors;
import org.llminspector.engine.torch.libtorch.Threads;
import org.llminspector.engine.torch.libtorch.TorchDevices;
import org.llminspector.family.Weights;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/** Trainer of a model of any family, with {@link StepScript} on flat arrays. */
public final class TorchLearner implements Learner, TorchPlane.Passes {

    private final DecoderSpec spec;
    private final Device place;
    private volatile int threads; // per operation on a CPU; affects the last bits of sums
    private final ParameterLayout layout;
    private final NDManager manager;
    private final Script script;
    private final NDArray weights; // [parameters]
    private NDArray gradient; // null until needed, like the next two; each as large as the weights
    private NDArray first;
    private NDArray second;
    private final NDArray steps; // updates made, as float32 for the optimizer methods
    private final Map<Rope, Table> rotations = new HashMap<>();
    private final List<NDArray> biases = new ArrayList<>(); // ALiBi's, [head, pos] each
    private final AtomicLong made = new AtomicLong(); // updates, readable from other threads

    /** cos + i sin of every position's angles, [pos, 1, dims / 2], complex, while the frequencies stay the same. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Table(float[] frequencies, NDArray turns) {}

    private TorchLearner(DecoderSpec spec, ParameterLayout layout, String device) {
        this.spec = spec;
        this.layout = layout;
        this.place = TorchDevices.choose(device);
        this.threads = Threads.most();
        this.manager = NDManager.newBaseManager(place, "PyTorch");
        try {
            this.script = Script.compile(manager, StepScript.of(spec, layout) + TURNS);
            this.weights = zeros();
            this.steps = manager.zeros(new Shape());
            for (Alibi alibi : spec.alibis()) {
                float[] values = AlibiBias.at(alibi, 0, spec.maxContext());
                biases.add(manager.create(values, new Shape(alibi.slopes().size(), spec.maxContext())));
            }
        } catch (RuntimeException | Error e) {
            manager.close();
            throw e;
        }
    }

    /** An array as large as the weights, kept until the learner is closed. */
    private NDArray zeros() {
        NDArray zeros = manager.zeros(new Shape(layout.size()));
        NDScope.unregister(zeros);
        return zeros;
    }

    private void makeGradient() {
        if (gradient == null) gradient = zeros();
    }

    private void makeMoments() {
        if (first == null) first = zeros();
        if (second == null) second = zeros();
    }

    /** The instruction set that the environment set for both libtorch and MKL; null where each chooses by the CPU. */
    private static String instructions(Device place) {
        boolean held = "avx2".equalsIgnoreCase(System.getenv("ATEN_CPU_CAPABILITY"))
                && "avx2".equalsIgnoreCase(System.getenv("MKL_ENABLE_INSTRUCTIONS"));
        return held && !place.isGpu() ? LearnerInfo.AVX2 : null;
    }

    private static final String TURNS =
            "def turns(self, parts: Tensor) -> Tensor:\n  return torch.view_as_complex(torch.clone(parts))\n";

    /**
     * A learner with zero weights, to be filled with {@link #setWeights}.
     *
     * @param device {@code auto}, {@code cpu}, {@code cuda:N}
     */
    public static TorchLearner open(DecoderSpec spec, String device) {
        return open(spec, new ParameterLayout(spec), device);
    }

    private static TorchLearner open(DecoderSpec spec, ParameterLayout layout, String device) {
        return EngineThread.call(() -> {
            EngineThread.engine();
            return new TorchLearner(spec, layout, device);
        });
    }

    /** A learner initialized with a model's weights. */
    public static TorchLearner open(Weights model, String device) {
        TorchLearner learner = open(model.spec(), new ParameterLayout(model), device);
        try {
            float[] flat = new float[Math.toIntExact(learner.layout.size())];
            for (Parameter p : learner.parameters()) {
                float[] values = model.get(p.name()).toFloats();
                System.arraycopy(values, 0, flat, (int) p.offset(), values.length);
            }
            learner.setWeights(Tensor.of(flat, flat.length));
            return learner;
        } catch (RuntimeException | Error e) {
            learner.close();
            throw e;
        }
    }

    /** The tables of sequences of this length: rotations, the same as {@link Positions} rotates by, and biases. */
    private NDArray[] tables(int length) {
        List<NDArray> tables = new ArrayList<>();
        for (Rope rope : spec.ropes()) {
            float[] frequencies = RopeFrequencies.perPosition(rope, length);
            Table old = rotations.get(rope);
            if (old == null || !Arrays.equals(old.frequencies(), frequencies)) {
                if (old != null) old.turns().close();
                rotations.put(rope, new Table(frequencies, rotations(rope, frequencies)));
            }
            tables.add(rotations.get(rope).turns());
        }
        tables.addAll(biases);
        return tables.toArray(NDArray[]::new);
    }

    private NDArray rotations(Rope rope, float[] frequencies) {
        float[][] angles = PositionTables.angles(rope, frequencies, 0, spec.maxContext());
        float[] parts = new float[angles[0].length * 2];
        for (int i = 0; i < angles[0].length; i++) {
            parts[2 * i] = angles[0][i];
            parts[2 * i + 1] = angles[1][i];
        }
        Shape shape = new Shape(spec.maxContext(), 1, frequencies.length, 2);
        NDArray turns = call(false, "turns", manager.create(parts, shape)).head();
        NDScope.unregister(turns);
        return turns;
    }

    @Override
    public LearnerInfo info() {
        return new LearnerInfo(TorchDevices.id(place), instructions(place), threads);
    }

    @Override
    public void setThreads(int count) {
        threads = count;
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public List<Parameter> parameters() {
        return layout.parameters();
    }

    @Override
    public Scores score(int[][] tokens) {
        return work(() -> scores(passes(false, "score", tokens[0].length - 1, weights, ids(tokens))));
    }

    @Override
    public Scores accumulate(int[][] tokens, float[][] weightsOfTokens, int[][][] choices) {
        return work(() -> {
            makeGradient();
            FloatBuffer flat = FloatBuffer.allocate(tokens.length * (tokens[0].length - 1));
            for (float[] row : weightsOfTokens) flat.put(row);
            List<NDArray> in = new ArrayList<>(List.of(weights, gradient, ids(tokens), manager.create(flat.array())));
            in.addAll(shares(tokens, weightsOfTokens, choices));
            return scores(passes(true, "accumulate", tokens[0].length - 1, in.toArray(NDArray[]::new)));
        });
    }

    /**
     * Soft targets' corrections to the logits' gradient for the actual token alone: they move its target probability to
     * all possible tokens in equal parts.
     *
     * @return flat indices into [batch x (pos - 1), vocab], in row order, and what is added there; a single -1 when
     *     there are none
     */
    private List<NDArray> shares(int[][] tokens, float[][] weightsOfTokens, int[][][] choices) {
        LongStream.Builder at = LongStream.builder();
        List<Float> by = new ArrayList<>();
        for (int b = 0; b < tokens.length; b++) {
            for (int t = 0; t < choices[b].length; t++) {
                int[] parts = choices[b][t];
                if (parts == null) continue;
                long row = (b * (tokens[b].length - 1L) + t) * spec.vocab();
                at.add(row + tokens[b][t + 1]);
                by.add(weightsOfTokens[b][t]);
                for (int id : parts) {
                    at.add(row + id);
                    by.add(-weightsOfTokens[b][t] / parts.length);
                }
            }
        }
        if (by.isEmpty()) return List.of(manager.create(new long[] {-1}), manager.create(new float[1]));
        FloatBuffer values = FloatBuffer.allocate(by.size());
        by.forEach(values::put);
        return List.of(manager.create(at.build().toArray()), manager.create(values.array()));
    }

    @Override
    public NDArray ids(int[][] tokens) {
        if (Stream.of(tokens).anyMatch(row -> row.length != tokens[0].length)) {
            throw new IllegalArgumentException("sequences of different lengths");
        }
        long[] flat =
                Stream.of(tokens).flatMapToInt(IntStream::of).asLongStream().toArray();
        return manager.create(flat, new Shape(tokens.length, tokens[0].length)); // [batch, pos]
    }

    private static Scores scores(NDList result) {
        Shape shape = result.get(0).getShape(); // [batch, pos - 1]
        float[] nll = result.get(0).toFloatArray();
        boolean[] hit = result.get(1).toBooleanArray();
        int batch = (int) shape.get(0);
        int pos = (int) shape.get(1);
        Scores scores = new Scores(new float[batch][pos], new boolean[batch][pos]);
        for (int b = 0; b < batch; b++) {
            System.arraycopy(nll, b * pos, scores.nll()[b], 0, pos);
            System.arraycopy(hit, b * pos, scores.hit()[b], 0, pos);
        }
        return scores;
    }

    @Override
    public double update(Optimizer o, double learningRate, double maxNorm) {
        return work(() -> {
            makeGradient();
            makeMoments();
            double norm = call(false, "clip", gradient, manager.create(maxNorm))
                    .head()
                    .getDouble();
            double decay = o.weightDecay();
            if (o.kind() == Kind.SGD || o.kind() == Kind.MOMENTUM) {
                double momentum = o.kind() == Kind.SGD ? 0 : o.momentum();
                call(false, "sgd", weights, gradient, first, steps, settings(learningRate, momentum, decay));
            } else {
                NDArray settings =
                        settings(learningRate, o.beta1(), o.beta2(), o.eps(), decay, o.kind() == Kind.ADAMW ? 1 : 0);
                call(false, "adam", weights, gradient, first, second, steps, settings);
            }
            made.incrementAndGet();
            return norm;
        });
    }

    private NDArray settings(double... values) {
        return manager.create(values);
    }

    /** Calls a method that passes sequences of this length through the model: the tables are its last arguments. */
    private NDList passes(boolean gradients, String method, int length, NDArray... arguments) {
        return passes(gradients, method, script, length, arguments);
    }

    /** The same of a script of these layers: the weights are its first argument. */
    @Override
    public NDList passesOfWeights(boolean gradients, String method, Script of, int length, NDArray... arguments) {
        return passes(
                gradients,
                method,
                of,
                length,
                Stream.concat(Stream.of(weights), Stream.of(arguments)).toArray(NDArray[]::new));
    }

    private NDList passes(boolean gradients, String method, Script of, int length, NDArray... arguments) {
        NDArray[] all =
                Stream.concat(Stream.of(arguments), Stream.of(tables(length))).toArray(NDArray[]::new);
        return of.callAsWritten(manager, gradients, method, all);
    }

    /** A manager on the learner's device. */
    @Override
    public NDManager newManager() {
        return EngineThread.call(() -> NDManager.newBaseManager(place, "PyTorch"));
    }

    @Override
    public Optional<Plane> plane(int[] tokens, Tensor u, Tensor v) {
        return PlaneScript.of(spec, layout).map(methods -> new TorchPlane(this, spec.vocab(), methods, tokens, u, v));
    }

    private NDList call(boolean gradients, String method, NDArray... arguments) {
        return script.callAsWritten(manager, gradients, method, arguments);
    }

    @Override
    public Tensor gradient() {
        return work(() -> {
            makeGradient();
            return Tensors.copy(gradient);
        });
    }

    /** Replaces the accumulated gradient. */
    void setGradient(Tensor flat) {
        work(() -> {
            makeGradient();
            return set(gradient, flat);
        });
    }

    @Override
    public void clearGradient() {
        work(() -> gradient == null ? null : gradient.muli(0));
    }

    @Override
    public void clearGradient(Parameter p) {
        if (gradient == null) return;
        work(() -> call(false, "clear", gradient, manager.create(new long[] {p.offset(), p.offset() + p.size()})));
    }

    @Override
    public Tensor weights() {
        return work(() -> Tensors.copy(weights));
    }

    @Override
    public void setWeights(Tensor flat) {
        work(() -> set(weights, flat));
    }

    @Override
    public long step() {
        return made.get();
    }

    @Override
    public State state() {
        return work(() -> {
            makeMoments();
            return new State(made.get(), Tensors.copy(first), Tensors.copy(second));
        });
    }

    @Override
    public void setState(State state) {
        work(() -> {
            makeMoments();
            set(first, state.first());
            set(second, state.second());
            made.set(state.step());
            return set(steps, Tensor.of(new float[] {state.step()}));
        });
    }

    private NDArray set(NDArray array, Tensor values) {
        Tensor shaped = values.reshaped(array.getShape().getShape());
        Tensors.floats(manager, shaped).copyTo(array);
        return array;
    }

    /** Runs work on the engine thread and frees its temporary arrays. */
    @Override
    public <T> T work(Callable<T> work) {
        return EngineThread.scoped(() -> {
            Threads.use(threads);
            return work.call();
        });
    }

    @Override
    public void close() {
        EngineThread.run(() -> {
            script.close();
            manager.close();
        });
    }
}
