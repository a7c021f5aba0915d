package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.llminspector.analysis.Vectors;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.store.ComparisonManifest;

/**
 * One side's most probable continuation of its prompt, token by token through the KV cache, with its interventions, until an eos
 * token or a number of tokens.
 *
 * @param ids the tokens
 * @param margins logit of each token less that of the second choice: their log-probabilities' difference, nats
 */
record GreedyContinuation(List<Integer> ids, List<Double> margins) {

    static GreedyContinuation of(ComparisonSide side, int[] prompt, int tokens, BooleanSupplier cancelled) {
        InspectorEngine engine = side.engine();
        List<Integer> eos = side.folder().eosIds();
        List<Integer> ids = new ArrayList<>();
        List<Double> margins = new ArrayList<>();
        try (Capture clean = side.run().clean(engine, prompt);
                Session session = engine.begin(new SessionRequest(
                        prompt.length + tokens,
                        new TreeSet<>(),
                        side.run().interventions(),
                        side.run().sources(clean)))) {
            float[] logits = session.append(prompt.clone());
            while (ids.size() < tokens && !cancelled.getAsBoolean()) {
                int chosen = Vectors.argmax(logits);
                ids.add(chosen);
                margins.add(margin(logits, chosen));
                if (eos.contains(chosen) || ids.size() == tokens) break;
                logits = session.append(new int[] {chosen});
            }
        }
        return new GreedyContinuation(ids, margins);
    }

    private static double margin(float[] logits, int chosen) {
        float second = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < logits.length; i++) if (i != chosen) second = Math.max(second, logits[i]);
        return (double) logits[chosen] - second;
    }

    /**
     * Both sides' texts and where they part.
     *
     * @param noise see {@link ComparisonManifest.Continuations}
     * @param factor multiple of the noise below which a margin is a tie
     */
    static ComparisonManifest.Continuations compared(
            GreedyContinuation a, GreedyContinuation b, ModelFolder in, ModelFolder inB, Double noise, double factor) {
        int most = Math.min(a.ids.size(), b.ids.size());
        int first = 0;
        while (first < most && a.ids.get(first).equals(b.ids.get(first))) first++;
        boolean differ = first < most; // equal beginnings of equal lengths, or of a text that the limit cut
        Double margin = differ ? a.margins.get(first) : null;
        if (margin != null && !Double.isFinite(margin)) margin = null;
        return new ComparisonManifest.Continuations(
                a.ids.stream().map(in::token).toList(),
                b.ids.stream().map(inB::token).toList(),
                differ ? first : null,
                margin,
                noise,
                (margin == null || noise == null) ? null : (Boolean) (margin <= factor * noise));
    }
}
