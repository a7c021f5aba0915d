package org.llminspector.tales.evaluation;

import java.nio.charset.StandardCharsets;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.plot.Tale;
import org.llminspector.train.Corpus.Split;

/** Loss on held-out stories. */
final class TextEvaluation {

    private TextEvaluation() {}

    static EvaluationReport.Text run(EvaluatedModel model, Tales tales, int stories) {
        double nats = 0;
        double bits = 0;
        long tokens = 0;
        long bytes = 0;
        for (int i = 0; i < stories; i++) {
            Tale tale = tales.tale(Split.HELD_OUT, i);
            double[] losses = model.losses(model.document(tale.text()));
            for (double loss : losses) nats += loss;
            tokens += losses.length;
            bits += tale.choiceBits();
            bytes += tale.text().getBytes(StandardCharsets.UTF_8).length;
        }
        double loss = nats / tokens;
        return new EvaluationReport.Text(
                stories, tokens, loss, Math.exp(loss), nats / Math.log(2) / bytes, bits * Math.log(2) / tokens);
    }
}
