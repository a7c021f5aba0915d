package org.llminspector.run;

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
import org.llminspector.run.models.RunQueue;
import org.llminspector.train.Trainer;

/**
 * Clocks look at a model that was taught a + b modulo p (grokking): one number goes round the clock while the other stays, and
 * each neuron of the last layer is asked how often it goes round meanwhile. Safe on any thread.
 */
public final class Clocks {

    /**
     * @param period p, the recipe's modulus
     * @param second b, which stays
     * @param answers the most probable number after a, b and "=", for each a from 0
     * @param right how many of them are (a + b) mod p
     * @param neurons of the last layer
     * @param turning how many of them vary mostly at one speed: more than half of their variance
     * @param oneSpeed the share of all neurons' variance that each one's strongest speed makes
     * @param strongest neurons that vary most purely at one speed, of the half that varies most
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
     * @param turns how often it goes round while a goes round once
     * @param share of its variance that is at this speed
     * @param values what the output projection reads of it after a, b and "=", for each a from 0
     */
    public record Turning(int layer, int neuron, int turns, double share, List<Double> values) {}

    private final OpenModels models;
    private final RunQueue queue;

    Clocks(OpenModels models, RunQueue queue) {
        this.models = models;
        this.queue = queue;
    }

    /**
     * @param second the number that stays
     * @param top how many of the purest neurons are told
     * @throws Problem UNSUPPORTED where the model was not taught to add on a clock; INVALID where there is no such number
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
        return told(slug, p, second, answers, right, layer, neurons, top);
    }

    /** The most probable number; what the neurons were goes into their rows. */
    private static int add(InspectorEngine engine, int[] sum, HookId post, int a, float[][] neurons) {
        SessionRequest request = new SessionRequest(sum.length, new TreeSet<>(List.of(post)), List.of(), List.of());
        try (Session session = engine.begin(request)) {
            float[] logits = session.append(sum);
            try (Capture capture = session.capture()) {
                float[] values = new float[neurons.length];
                // [1, pos, d_mlp], of which the last position
                capture.get(post).toFloats((long) (sum.length - 1) * neurons.length, values, values.length);
                for (int n = 0; n < values.length; n++) neurons[n][a] = values[n];
            }
            return RowScan.highest(logits, 1, id -> id < sum[2]).get(0).row();
        }
    }

    private static Clock told(
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

    /** The modulus of the recipe that taught the model. */
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
