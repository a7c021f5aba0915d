package org.llminspector.tales.evaluation;

import java.util.List;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.train.corpus.Corpus.Split;
import org.llminspector.train.corpus.Preference;

/** Probabilities of better and worse answers to held-out questions, compared. */
final class PreferenceEvaluation {

    private PreferenceEvaluation() {}

    static EvaluationReport.Preferences run(EvaluatedModel model, TalesChat chat, int pairs) {
        int won = 0;
        int wonPerToken = 0;
        double margin = 0;
        for (int i = 0; i < pairs; i++) {
            Preference p = chat.preference(Split.HELD_OUT, i);
            int[] prompt = model.chatPrompt(p.user());
            List<Double> better = model.logProbs(prompt, model.answer(p.better()));
            List<Double> worse = model.logProbs(prompt, model.answer(p.worse()));
            double difference = sum(better) - sum(worse);
            margin += difference;
            if (difference > 0) won++;
            if (sum(better) / better.size() > sum(worse) / worse.size()) wonPerToken++;
        }
        return new EvaluationReport.Preferences(
                pairs, won / (double) pairs, wonPerToken / (double) pairs, margin / pairs);
    }

    private static double sum(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).sum();
    }
}
