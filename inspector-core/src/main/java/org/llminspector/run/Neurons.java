package org.llminspector.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.analysis.NeuronFunctions;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.WeightedSum;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.tokenize.Token;

/**
 * Neurons show one neuron of a run, or a whole feed-forward part: what made it fire, and what it writes. What the run lacks is
 * read again at the position that is asked for. Safe on any thread.
 */
public final class Neurons {

    /**
     * Neuron is one neuron at one position.
     *
     * @param function its non-linearity
     * @param sums how its weighted sums came about: one, or two where it is gated (the gate, and what the gate lets through)
     * @param activation the non-linearity of the (first) sum
     * @param post what the output projection reads: the activation, times the second sum where it is gated
     * @param outputNorm L2 norm of the vector that it adds post times of
     * @param written the norm of what it adds to the residual stream here
     * @param finalScale what the final norm divides by here; held fast for the effects
     * @param effect on the token that is asked for
     * @param raised tokens whose logits it raises most, directly: past all later layers
     * @param lowered those whose logits it lowers most
     */
    public record Neuron(
            String run,
            int layer,
            int neuron,
            int pos,
            Activation function,
            boolean gated,
            List<NamedSum> sums,
            double activation,
            double post,
            double outputNorm,
            double written,
            double finalScale,
            TokenEffect effect,
            List<Effect> raised,
            List<Effect> lowered) {}

    /** @param hook that shows the sum: hook_pre or hook_pre_linear */
    public record NamedSum(String hook, WeightedSum sum) {}

    /** What a neuron adds to a token's logit directly. */
    public record Effect(int id, String text, double effect) {}

    /**
     * TokenEffect is a neuron's part in one logit.
     *
     * @param effect what it adds directly
     * @param rest what all else in the residual stream adds, and the final norm's bias
     * @param logit their sum, before the soft cap where the model has one
     */
    public record TokenEffect(int id, String text, double effect, double rest, double logit, Float softcap) {}

    /**
     * FeedForward is one layer's feed-forward part at one position.
     *
     * @param neurons how many there are
     * @param firing how many of them are above 0 as the output projection reads them
     * @param strongest by |activation| x |output vector|, the strongest first
     * @param inputNorm norm of the residual stream that the part reads
     * @param outputNorm norm of what it adds
     * @param ratio outputNorm by inputNorm
     * @param turned cosine between the stream before and after
     */
    public record FeedForward(
            String run,
            int layer,
            int pos,
            int neurons,
            int firing,
            List<Strong> strongest,
            double inputNorm,
            double outputNorm,
            double ratio,
            double turned) {}

    /**
     * Strong is one of the strongest neurons.
     *
     * @param outputNorm L2 norm of its output vector
     * @param strength |activation| x outputNorm
     * @param share of the projection's output that this one and all stronger ones make: their sum's part along that output, 1
     *     for all neurons together
     */
    public record Strong(int neuron, double activation, double outputNorm, double strength, double share) {}

    /**
     * Activations are one neuron over a text.
     *
     * @param tokens how many the text has
     * @param window tokens that are read at once, each beginning anew
     * @param mean of its activations, and their largest and smallest
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
     * Place is one token in its context.
     *
     * @param position in the text's tokens
     * @param context tokens around it, and their activations
     * @param at which of them it is
     */
    public record Place(int position, double activation, int at, List<ContextToken> context) {}

    /** A token near a place. */
    public record ContextToken(int id, String text, double activation) {}

    private static final int WINDOW = 256;
    private static final int MOST_TOKENS = 50_000;

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final Extensions extensions;
    private final TableFacts facts;

    Neurons(OpenModels models, RunStore store, RunQueue queue, Extensions extensions, TableFacts facts) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.extensions = extensions;
        this.facts = facts;
    }

    /**
     * One neuron at one position.
     *
     * @param pos negative from the end; null for the prompt's last
     * @param token whose logit is taken apart; null for the most probable next token
     * @param top how many inputs and tokens to list
     * @throws Problem as for an extension; INVALID for a layer, a neuron, a position or a token that is not there;
     *     CONFLICT where the model has other weights now; UNSUPPORTED for an exported graph, whose weights are not known
     */
    public Neuron neuron(String runId, int layer, int neuron, Integer pos, Integer token, int top) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        DecoderSpec spec = folder.spec();
        LayerSpec block = layer(spec, layer);
        Mlp mlp = block.mlp();
        within(neuron, mlp.dMlp(), "neuron");
        if (token != null) within(token, spec.vocab(), "token");
        Weights weights = folder.weights();
        RunValues.sameWeights(run, folder);
        List<HookId> parts = parts(spec, layer);
        TreeSet<HookId> hooks = new TreeSet<>(parts);
        HookId stream = HookId.of(block.parallel() ? HookPoint.RESID_PRE : HookPoint.RESID_MID, layer);
        HookId normalized = HookId.of(HookPoint.LN2_NORMALIZED, layer);
        HookId scale = HookId.of(HookPoint.LN2_SCALE, layer);
        HookId last = HookId.of(HookPoint.RESID_POST, spec.nLayers() - 1);
        hooks.add(stream);
        if (block.ln2() != null) hooks.addAll(List.of(normalized, scale));
        hooks.addAll(List.of(
                HookId.of(HookPoint.MLP_POST, layer),
                last,
                HookId.of(HookPoint.LN_FINAL_SCALE),
                HookId.of(HookPoint.LOGITS)));
        RunValues here = RunValues.of(runId, pos, hooks, store, extensions);

        FrozenNorm ln2 = ModelNorms.frozen(
                weights, block.ln2(), "blocks." + layer + ".ln2", block.ln2() == null ? 1 : here.at(scale)[0]);
        float[] read = block.ln2() == null
                ? here.at(stream)
                : weighed(here.at(normalized), weights, "blocks." + layer + ".ln2");
        Map<String, float[]> written = new LinkedHashMap<>();
        for (HookId part : parts) written.put(part.name(), here.at(part));
        List<NamedSum> sums = new ArrayList<>();
        for (String matrix : mlp.gated() ? List.of("gate", "in") : List.of("in")) {
            HookPoint shown = mlp.gated() && matrix.equals("in") ? HookPoint.MLP_PRE_LINEAR : HookPoint.MLP_PRE;
            String name = "blocks." + layer + ".mlp." + matrix;
            double bias =
                    weights.has(name + ".bias") ? weights.get(name + ".bias").get(neuron) : 0;
            float[] row = weights.row(name + ".weight", neuron);
            sums.add(new NamedSum(HookId.of(shown, layer).name(), WeightedSum.of(read, row, bias, ln2, written, top)));
        }
        double post = here.at(HookId.of(HookPoint.MLP_POST, layer))[neuron];

        float[] out = output(weights, block, layer, here, neuron);
        float[] added = new float[out.length];
        for (int i = 0; i < out.length; i++) added[i] = (float) (out[i] * post);
        FrozenNorm lnFinal = ModelNorms.frozen(
                weights, spec.finalNorm(), "ln_final", here.at(HookId.of(HookPoint.LN_FINAL_SCALE))[0]);
        String table = spec.tied() ? "embed.weight" : "unembed.weight";
        float[] effects = RowScan.dots(weights, table, lnFinal.part(added));
        float[] logits = here.at(HookId.of(HookPoint.LOGITS));
        int chosen = token != null ? token : argmax(logits);
        float[] row = weights.row(table, chosen);
        float[] all = here.at(last);
        float[] rest = new float[all.length];
        for (int i = 0; i < rest.length; i++) rest[i] = all[i] - added[i];
        double own = lnFinal.dot(row, added);
        double others = lnFinal.dot(row, rest) + lnFinal.constant(row);
        float[] negative = new float[effects.length];
        for (int i = 0; i < effects.length; i++) negative[i] = -effects[i];
        return new Neuron(
                runId,
                layer,
                neuron,
                here.pos(),
                mlp.activation(),
                mlp.gated(),
                sums,
                NeuronFunctions.of(mlp.activation(), sums.get(0).sum().z()),
                post,
                norm(out),
                norm(added),
                lnFinal.scale(),
                new TokenEffect(chosen, folder.token(chosen).text(), own, others, own + others, spec.logitSoftcap()),
                effects(RowScan.highest(effects, top, row0 -> true), 1, folder),
                effects(RowScan.highest(negative, top, row0 -> true), -1, folder));
    }

    private static List<Effect> effects(List<RowScan.Scored> scored, int sign, ModelFolder folder) {
        return scored.stream()
                .map(s -> new Effect(s.row(), folder.token(s.row()).text(), sign * s.score()))
                .toList();
    }

    /** What the residual stream that a layer's feed-forward part reads is the sum of, in order. */
    private static List<HookId> parts(DecoderSpec spec, int layer) {
        List<HookId> parts = new ArrayList<>();
        parts.add(HookId.of(HookPoint.EMBED));
        if (spec.learnedPositions()) parts.add(HookId.of(HookPoint.POS_EMBED));
        for (int i = 0; i < layer; i++) {
            parts.add(HookId.of(HookPoint.ATTN_OUT, i));
            parts.add(HookId.of(HookPoint.MLP_OUT, i));
        }
        if (!spec.layers().get(layer).parallel()) parts.add(HookId.of(HookPoint.ATTN_OUT, layer));
        return parts;
    }

    /**
     * The vector that the neuron adds so many times of to the residual stream, [d_model]: its column of the output projection,
     * through the norm after it where there is one, whose scale is held fast.
     */
    private static float[] output(Weights weights, LayerSpec block, int layer, RunValues here, int neuron) {
        String name = "blocks." + layer + ".mlp.out";
        Tensor matrix = weights.get(name + ".weight"); // [d_model, d_mlp]
        int dModel = Math.toIntExact(matrix.shape()[0]);
        int dMlp = Math.toIntExact(matrix.shape()[1]);
        float[] column = new float[dModel];
        for (int i = 0; i < dModel; i++) column[i] = (float) matrix.get((long) i * dMlp + neuron);
        if (block.ln2Post() == null) return column;
        float[] raw = projected(weights, name, here.at(HookId.of(HookPoint.MLP_POST, layer)));
        return ModelNorms.frozen(
                        weights,
                        block.ln2Post(),
                        "blocks." + layer + ".ln2_post",
                        ModelNorms.scale(block.ln2Post(), raw))
                .part(column);
    }

    /** What the output projection makes of all neurons, before a norm after it, [d_model]. */
    private static float[] projected(Weights weights, String name, float[] post) {
        float[] raw = RowScan.dots(weights, name + ".weight", post);
        if (!weights.has(name + ".bias")) return raw;
        float[] bias = weights.get(name + ".bias").toFloats();
        for (int i = 0; i < raw.length; i++) raw[i] += bias[i];
        return raw;
    }

    private static float[] weighed(float[] normalized, Weights weights, String name) {
        float[] read = normalized.clone();
        float[] weight = ModelNorms.weight(weights, name);
        float[] bias = weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : null;
        for (int i = 0; i < read.length; i++) read[i] = read[i] * weight[i] + (bias == null ? 0 : bias[i]);
        return read;
    }

    /**
     * One layer's feed-forward part at one position, with its strongest neurons.
     *
     * @param pos negative from the end; null for the prompt's last
     * @throws Problem as {@link #neuron}
     */
    public FeedForward feedForward(String runId, int layer, Integer pos, int top) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        LayerSpec block = layer(folder.spec(), layer);
        Weights weights = folder.weights();
        RunValues.sameWeights(run, folder);
        HookId neurons = HookId.of(HookPoint.MLP_POST, layer);
        HookId before = HookId.of(block.parallel() ? HookPoint.RESID_PRE : HookPoint.RESID_MID, layer);
        HookId added = HookId.of(HookPoint.MLP_OUT, layer);
        RunValues here = RunValues.of(runId, pos, List.of(neurons, before, added), store, extensions);
        String name = "blocks." + layer + ".mlp.out";
        float[] post = here.at(neurons);
        float[] norms = facts.columnNorms(folder, name + ".weight");
        // Along the whole output u, neuron n adds post[n] (W u)[n] / |u|^2: one product with the matrix says it of all.
        float[] whole = RowScan.dots(weights, name + ".weight", post);
        double square = 0;
        for (float u : whole) square += (double) u * u;
        double[] along = RowScan.columnDots(weights, name + ".weight", whole);
        Integer[] order = IntStream.range(0, post.length).boxed().toArray(Integer[]::new);
        Arrays.sort(
                order,
                Comparator.comparingDouble((Integer n) -> -Math.abs(post[n]) * norms[n])
                        .thenComparingInt(n -> n));
        List<Strong> strongest = new ArrayList<>();
        double share = 0;
        for (int i = 0; i < Math.min(top, order.length); i++) {
            int n = order[i];
            share += square == 0 ? 0 : post[n] * along[n] / square;
            strongest.add(new Strong(n, post[n], norms[n], Math.abs(post[n]) * norms[n], share));
        }
        int firing = 0;
        for (float p : post) if (p > 0) firing++;
        float[] in = here.at(before);
        float[] out = here.at(added);
        double product = 0;
        float[] after = new float[in.length];
        for (int i = 0; i < in.length; i++) {
            after[i] = in[i] + out[i];
            product += (double) in[i] * after[i];
        }
        double inNorm = norm(in);
        double turned = inNorm * norm(after) == 0 ? 0 : product / (inNorm * norm(after));
        return new FeedForward(
                runId,
                layer,
                here.pos(),
                post.length,
                firing,
                strongest,
                inNorm,
                norm(out),
                inNorm == 0 ? 0 : norm(out) / inNorm,
                turned);
    }

    /**
     * One neuron over a text, which is read in windows that begin anew.
     *
     * @param slug the model
     * @param text of at most 50,000 tokens
     * @param top how many places to list
     * @param around how many tokens before and after each are shown
     * @throws Problem as for a run; INVALID for a layer or a neuron that is not there; TOO_LARGE for more tokens than
     *     that; UNSUPPORTED where the model has no tokenizer
     */
    public Activations activations(
            String slug, String engine, PrecisionPlan plan, int layer, int neuron, String text, int top, int around) {
        ModelFolder folder = models.folder(slug);
        LayerSpec block = layer(folder.spec(), layer);
        within(neuron, block.mlp().dMlp(), "neuron");
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
        String with = engine == null ? Engines.standard(folder) : engine;
        Engines.check(with, folder);
        float[] values = new float[tokens.size()];
        try (OpenModels.Hold hold = models.hold(folder, with, "auto", plan, p -> {}, queue::closing)) {
            for (int from = 0; from < tokens.size(); from += window) {
                int start = from;
                int end = Math.min(tokens.size(), from + window);
                // Window after window in the queue, so that others get their turn between.
                float[] part = queue.call(
                        "a neuron over a text",
                        () -> window(
                                models.engine(folder, with, "auto", plan), hook, neuron, tokens.subList(start, end)));
                System.arraycopy(part, 0, values, from, part.length);
            }
        }
        return told(folder, layer, neuron, tokens, window, values, top, around);
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

    private static Activations told(
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

    private static LayerSpec layer(DecoderSpec spec, int layer) {
        within(layer, spec.nLayers(), "layer");
        return spec.layers().get(layer);
    }

    private static void within(int index, int size, String field) {
        if (index >= 0 && index < size) return;
        throw Problem.invalid("the model has no such " + field)
                .where(field)
                .expected("0 to " + (size - 1))
                .found(index);
    }

    private static int argmax(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
        return best;
    }

    private static double norm(float[] x) {
        double sum = 0;
        for (float v : x) sum += (double) v * v;
        return Math.sqrt(sum);
    }
}
