package org.llminspector.run.inspect.neurons;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.analysis.Fourier;
import org.llminspector.analysis.RowScan;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.work.RunQueue;
import org.llminspector.train.Trainer;

/**
 * Fourier analysis of a modular-addition model (grokking, a + b mod p): the dominant frequency of each last-layer
 * neuron while a runs through 0 to p - 1 and b is fixed. Thread-safe.
 */
public final class AdditionFourier {

    /**
     * @param period p, the recipe's modulus
     * @param second b, fixed
     * @param answers the most probable number after a, b and "=", for each a from 0
     * @param right how many of them are (a + b) mod p
     * @param neurons of the last layer
     * @param turning how many of them have more than half of their variance at one frequency
     * @param oneSpeed share of all neurons' variance that lies at each neuron's dominant frequency
     * @param strongest neurons with the largest share at one frequency, among the half with the most variance
     */
    public record Clock(
            String model,
            int period,
            int second,
            List<Integer> answers,
            int right,
            int neurons,
            int turning,
            double oneSpeed,
            List<Turning> strongest) {}

    /**
     * @param turns frequency: cycles while a runs once through 0 to p - 1
     * @param share of its variance at this frequency
     * @param values input of the output projection after a, b and "=", for each a from 0
     */
    public record Turning(int layer, int neuron, int turns, double share, List<Double> values) {}

    private final OpenModels models;
    private final RunQueue queue;

    public AdditionFourier(OpenModels models, RunQueue queue) {
        this.models = models;
        this.queue = queue;
    }

    /**
     * @param second b, fixed
     * @param top how many of the strongest neurons to list
     * @throws Problem UNSUPPORTED where the model was not trained on modular addition; INVALID where there is no such
     *     number
     */
    public Clock clock(String slug, int second, int top) {
        ModelFolder folder = models.folder(slug);
        int p = modulus(folder);
        if (second < 0 || second >= p) {
            throw Problem.invalid("the clock has no such number")
                    .where("second")
                    .expected("0 to " + (p - 1))
                    .found(second);
        }
        int layer = folder.spec().nLayers() - 1;
        HookId post = HookId.of(HookPoint.MLP_POST, layer);
        int width = folder.spec().layers().get(layer).mlp().dMlp();
        int[] answers = new int[p];
        float[][] neurons = new float[width][p]; // [neuron, a]
        String with = Engines.of(null, folder).id();
        PrecisionPlan plan = PrecisionPlan.of(null, null);
        try (RunQueue.Place place = queue.enter("clock", folder.slug());
                OpenModels.Lease lease = models.lease(folder, with, "auto", plan, place::cancelled)) {
            place.call(() -> {
                InspectorEngine engine = models.engine(folder, with, "auto", plan);
                for (int a = 0; a < p; a++) {
                    queue.checkCancelled();
                    answers[a] = add(engine, new int[] {a, second, p}, post, a, neurons);
                }
                return null;
            });
        }
        int right = (int) IntStream.range(0, p)
                .filter(a -> answers[a] == (a + second) % p)
                .count();
        return clock(slug, p, second, answers, right, layer, neurons, top);
    }

    /** The most probable answer; the neurons' activations are written into {@code neurons}. */
    private static int add(InspectorEngine engine, int[] sum, HookId post, int a, float[][] neurons) {
        SessionRequest request = new SessionRequest(sum.length, new TreeSet<>(List.of(post)), List.of(), List.of());
        try (Session session = engine.begin(request)) {
            float[] logits = session.append(sum);
            try (Capture capture = session.capture()) {
                float[] values = new float[neurons.length];
                // [1, pos, d_mlp], last position only
                capture.get(post).toFloats((long) (sum.length - 1) * neurons.length, values, values.length);
                for (int n = 0; n < values.length; n++) neurons[n][a] = values[n];
            }
            return RowScan.highest(logits, 1, id -> id < sum[2]).get(0).row();
        }
    }

    private static Clock clock(
            String slug, int p, int second, int[] answers, int right, int layer, float[][] neurons, int top) {
        double[] spread = new double[neurons.length];
        List<Turning> all = new ArrayList<>();
        double energy = 0;
        double atOne = 0;
        int turning = 0;
        for (int n = 0; n < neurons.length; n++) {
            float[][] column = new float[p][1];
            double mean = 0;
            for (float v : neurons[n]) mean += v / (double) p;
            for (int a = 0; a < p; a++) {
                column[a][0] = neurons[n][a];
                spread[n] += (neurons[n][a] - mean) * (neurons[n][a] - mean);
            }
            double[] shares = Fourier.of(column).shares();
            int best = 0;
            for (int k = 1; k < shares.length; k++) if (shares[k] > shares[best]) best = k;
            energy += spread[n];
            atOne += spread[n] * shares[best];
            if (shares[best] > 0.5) turning++;
            all.add(new Turning(layer, n, best + 1, shares[best], list(neurons[n])));
        }
        double[] sorted = spread.clone();
        Arrays.sort(sorted);
        double median = sorted[sorted.length / 2];
        List<Turning> strongest = all.stream()
                .filter(t -> spread[t.neuron()] >= median)
                .sorted(Comparator.comparing(t -> -t.share()))
                .limit(top)
                .toList();
        return new Clock(
                slug,
                p,
                second,
                Arrays.stream(answers).boxed().toList(),
                right,
                neurons.length,
                turning,
                energy == 0 ? 0 : atOne / energy,
                strongest);
    }

    private static List<Double> list(float[] values) {
        return IntStream.range(0, values.length)
                .mapToObj(i -> (double) values[i])
                .toList();
    }

    /** The modulus of the recipe that trained the model. */
    private static int modulus(ModelFolder folder) {
        Path trained = folder.found().trainingDir();
        Integer modulus = Trainer.isIn(trained) ? Trainer.recipe(trained).modulus() : null;
        if (modulus != null) return modulus;
        throw Problem.unsupported("the model was not taught to add on a clock, as far as its files say")
                .where("model " + folder.slug())
                .expected("one whose recipe's task is modular_addition")
                .instead("grokking is one");
    }
}
