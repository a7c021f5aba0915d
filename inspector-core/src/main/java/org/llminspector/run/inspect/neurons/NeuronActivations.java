package org.llminspector.run.inspect.neurons;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.llminspector.analysis.RowScan;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.work.RunQueue;
import org.llminspector.spec.LayerSpec;
import org.llminspector.tokenize.Token;

/** Activations of one neuron over a text of any length, and its strongest places. Thread-safe. */
public final class NeuronActivations {

    /**
     * One neuron over a text.
     *
     * @param tokens number of tokens of the text
     * @param window tokens per window; each window is an independent sequence
     * @param mean of its activations; max and min likewise
     * @param firing share of the tokens on which it is above 0
     * @param highest places, the strongest first
     * @param lowest places where it is most negative
     * @param values every token's, in order
     */
    public record Activations(
            String model,
            int layer,
            int neuron,
            int tokens,
            int window,
            double mean,
            double max,
            double min,
            double firing,
            List<Place> highest,
            List<Place> lowest,
            List<Float> values) {}

    /**
     * One token in its context.
     *
     * @param position in the text's tokens
     * @param context tokens around it, and their activations
     * @param at index of the token in {@code context}
     */
    public record Place(int position, double activation, int at, List<ContextToken> context) {}

    /** A token of the context. */
    public record ContextToken(int id, String text, double activation) {}

    private static final int WINDOW = 256;
    private static final int MOST_TOKENS = 50_000;

    private final OpenModels models;
    private final RunQueue queue;

    public NeuronActivations(OpenModels models, RunQueue queue) {
        this.models = models;
        this.queue = queue;
    }

    /**
     * One neuron over a text, which is read in independent windows.
     *
     * @param slug the model
     * @param text of at most 50,000 tokens
     * @param top how many places to list
     * @param around context tokens before and after each
     * @throws Problem as for a run; INVALID for a layer or a neuron that is not there; TOO_LARGE for more tokens than
     *     that; UNSUPPORTED where the model has no tokenizer
     */
    public Activations activations(
            String slug, String engine, PrecisionPlan plan, int layer, int neuron, String text, int top, int around) {
        ModelFolder folder = models.folder(slug);
        LayerSpec block = Neurons.layer(folder.spec(), layer);
        Bounds.within(neuron, block.mlp().dMlp(), "neuron");
        HookId hook = folder.hooks(List.of(HookId.of(HookPoint.MLP_POST, layer).name()))
                .first();
        List<Token> tokens = folder.requireTokenizer().encode(text, true);
        if (tokens.size() > MOST_TOKENS || tokens.isEmpty()) {
            throw Problem.tooLarge("the text does not fit one request")
                    .where("text")
                    .expected("1 to " + MOST_TOKENS + " tokens")
                    .found(tokens.size())
                    .instead("send it in parts");
        }
        int window = Math.min(WINDOW, folder.spec().maxContext());
        String with = Engines.of(engine, folder).id();
        float[] values = new float[tokens.size()];
        try (RunQueue.Place place = queue.enter("activations", folder.slug());
                OpenModels.Lease lease = models.lease(folder, with, "auto", plan, place::cancelled)) {
            for (int from = 0; from < tokens.size(); from += window) {
                int start = from;
                int end = Math.min(tokens.size(), from + window);
                // One queue call per window, so that other work can run in between.
                float[] part = place.call(() ->
                        window(models.engine(folder, with, "auto", plan), hook, neuron, tokens.subList(start, end)));
                System.arraycopy(part, 0, values, from, part.length);
            }
        }
        return summary(folder, layer, neuron, tokens, window, values, top, around);
    }

    private static float[] window(InspectorEngine engine, HookId hook, int neuron, List<Token> tokens) {
        TreeSet<HookId> hooks = new TreeSet<>(List.of(hook));
        try (Session session = engine.begin(new SessionRequest(tokens.size(), hooks, List.of(), List.of()))) {
            session.append(tokens.stream().mapToInt(Token::id).toArray());
            try (Capture capture = session.capture()) {
                Tensor post = capture.get(hook); // [1, pos, d_mlp]
                float[] values = new float[tokens.size()];
                long width = post.shape()[2];
                for (int i = 0; i < values.length; i++) values[i] = (float) post.get(i * width + neuron);
                return values;
            }
        }
    }

    private static Activations summary(
            ModelFolder folder,
            int layer,
            int neuron,
            List<Token> tokens,
            int window,
            float[] values,
            int top,
            int around) {
        double sum = 0;
        double max = Double.NEGATIVE_INFINITY;
        double min = Double.POSITIVE_INFINITY;
        int firing = 0;
        float[] negative = new float[values.length];
        List<Float> all = new ArrayList<>(values.length);
        for (int i = 0; i < values.length; i++) {
            sum += values[i];
            max = Math.max(max, values[i]);
            min = Math.min(min, values[i]);
            if (values[i] > 0) firing++;
            negative[i] = -values[i];
            all.add(values[i]);
        }
        return new Activations(
                folder.slug(),
                layer,
                neuron,
                tokens.size(),
                window,
                sum / values.length,
                max,
                min,
                (double) firing / values.length,
                places(tokens, values, RowScan.highest(values, top, i -> true), around),
                places(tokens, values, RowScan.highest(negative, top, i -> values[i] < 0), around),
                all);
    }

    private static List<Place> places(List<Token> tokens, float[] values, List<RowScan.Scored> strongest, int around) {
        List<Place> places = new ArrayList<>();
        for (RowScan.Scored s : strongest) {
            int from = Math.max(0, s.row() - around);
            int to = Math.min(tokens.size(), s.row() + around + 1);
            List<ContextToken> context = new ArrayList<>();
            for (int i = from; i < to; i++) {
                context.add(new ContextToken(tokens.get(i).id(), tokens.get(i).text(), values[i]));
            }
            places.add(new Place(s.row(), values[s.row()], s.row() - from, context));
        }
        return places;
    }
}
