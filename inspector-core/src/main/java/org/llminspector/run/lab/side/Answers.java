package org.llminspector.run.lab.side;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.GradientRequest.Target;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.AnalysisRequest.Measure;
import org.llminspector.run.request.AnalysisRequest.Metric;
import org.llminspector.tokenize.Token;

/** A number that measures an answer, as a function of the next-token logits at one position. */
public final class Answers {

    private final Measure measure;
    private final int[] answers;
    private final int[] against;
    private final int pos;
    private final double[] reference; // the clean run's log-probabilities, [vocab]

    private Answers(Measure measure, int[] answers, int[] against, int pos, double[] reference) {
        this.measure = measure;
        this.answers = answers;
        this.against = against;
        this.pos = pos;
        this.reference = reference;
    }

    /**
     * The metric of a request; tokens that it does not name are the two runs' own answers.
     *
     * @param clean the clean run's logits, [vocab]
     * @param corrupt the corrupt run's
     */
    public static Answers of(
            Metric asked, Measure standard, int pos, float[] clean, float[] corrupt, ModelFolder folder) {
        Measure measure = asked == null || asked.name() == null ? standard : asked.name();
        boolean same = top(clean) == top(corrupt);
        if (measure == Measure.LOGIT_DIFF && asked == null && same) measure = Measure.KL; // no two answers to compare
        int[] answers = asked == null ? null : ids(asked.answers(), asked.answerIds(), folder, "metric.answers");
        int[] against = asked == null ? null : ids(asked.against(), asked.againstIds(), folder, "metric.against");
        if (answers == null) answers = new int[] {top(clean)};
        if (measure != Measure.LOGIT_DIFF && against != null) {
            throw Problem.invalid("only a logit difference is taken against other answers")
                    .where("metric.against")
                    .expected("none with " + measure.name().toLowerCase(java.util.Locale.ROOT));
        }
        if (measure == Measure.LOGIT_DIFF && against == null) {
            against = new int[] {top(corrupt)};
            if (answers.length == 1 && answers[0] == against[0]) {
                throw Problem.invalid("both runs answer with the same token, so that there is no difference of logits")
                        .where("metric")
                        .found(folder.token(answers[0]).text())
                        .instead("name the tokens: \"against\", or take another metric: kl, logit, nll");
            }
        }
        return new Answers(measure, answers, against == null ? new int[0] : against, pos, logProbabilities(clean));
    }

    /** The position whose logits a request reads, in a prompt of n tokens. */
    public static int position(Metric asked, int n) {
        int pos = asked == null || asked.pos() == null ? -1 : asked.pos();
        int at = pos < 0 ? n + pos : pos;
        if (at >= 0 && at < n) return at;
        throw Problem.invalid("the position is outside the prompt")
                .where("metric.pos")
                .expected("0 to " + (n - 1) + ", or from the end")
                .found(pos);
    }

    private static int[] ids(List<String> texts, List<Integer> ids, ModelFolder folder, String where) {
        if (texts != null && ids != null)
            throw Problem.invalid("texts and ids are both given").where(where).expected("one of them");
        if (ids != null) {
            nonEmpty(ids, where);
            return Prompt.inVocabulary(ids, folder.spec().vocab(), where).stream()
                    .mapToInt(i -> i)
                    .toArray();
        }
        if (texts == null) return null;
        nonEmpty(texts, where);
        return texts.stream().mapToInt(t -> one(t, folder, where)).toArray();
    }

    private static void nonEmpty(List<?> list, String where) {
        if (list.isEmpty())
            throw Problem.invalid("there is no answer").where(where).expected("at least one token");
    }

    /** The id of a text that is one token. */
    public static int one(String text, ModelFolder folder, String where) {
        List<Token> tokens = folder.requireTokenizer().encode(text == null ? "" : text, false).stream()
                .filter(t -> !t.added())
                .toList();
        if (tokens.size() == 1) return tokens.get(0).id();
        throw Problem.invalid("an answer is one token")
                .where(where + ": " + Problem.shown(text))
                .expected("one token")
                .found(tokens.size() + ": "
                        + tokens.stream().map(t -> Problem.shown(t.text())).toList())
                .instead("take its first token, with the space before it: \" Mia\"");
    }

    public Measure measure() {
        return measure;
    }

    public int pos() {
        return pos;
    }

    public List<Token> answers(ModelFolder folder) {
        return IntStream.of(answers).mapToObj(folder::token).toList();
    }

    public List<Token> against(ModelFolder folder) {
        return IntStream.of(against).mapToObj(folder::token).toList();
    }

    /** The number for these logits, [vocab]. */
    public double of(float[] logits) {
        return switch (measure) {
            case LOGIT_DIFF -> mean(answers, logits) - mean(against, logits);
            case LOGIT -> mean(answers, logits);
            case RANK -> {
                double sum = 0;
                for (int a : answers) for (float v : logits) if (v > logits[a]) sum++;
                yield sum / answers.length;
            }
            case PROB -> {
                double[] log = logProbabilities(logits);
                yield IntStream.of(answers).mapToDouble(a -> Math.exp(log[a])).sum();
            }
            case NLL -> {
                double[] log = logProbabilities(logits);
                yield -IntStream.of(answers).mapToDouble(a -> log[a]).average().orElseThrow();
            }
            case KL -> {
                double[] log = logProbabilities(logits);
                double sum = 0;
                for (int v = 0; v < log.length; v++) {
                    double p = Math.exp(reference[v]);
                    if (p > 0) sum += p * (reference[v] - log[v]);
                }
                yield sum;
            }
        };
    }

    /**
     * Targets whose weighted sum has the metric's gradient by the logits.
     *
     * @param logits of the run at which it is differentiated
     * @throws Problem UNSUPPORTED for a rank, which has no slope
     */
    public List<Target> targets(float[] logits) {
        List<Target> targets = new ArrayList<>();
        switch (measure) {
            case LOGIT_DIFF -> {
                for (int a : answers) targets.add(new Target(pos, a, Of.LOGIT, 1.0 / answers.length));
                for (int a : against) targets.add(new Target(pos, a, Of.LOGIT, -1.0 / against.length));
            }
            case LOGIT -> {
                for (int a : answers) targets.add(new Target(pos, a, Of.LOGIT, 1.0 / answers.length));
            }
            case NLL -> {
                for (int a : answers) targets.add(new Target(pos, a, Of.NLL, 1.0 / answers.length));
            }
            case PROB -> {
                double[] log = logProbabilities(logits);
                for (int a : answers) targets.add(new Target(pos, a, Of.NLL, -Math.exp(log[a])));
            }
            case KL -> {
                for (int v = 0; v < reference.length; v++)
                    targets.add(new Target(pos, v, Of.NLL, Math.exp(reference[v])));
            }
            case RANK ->
                throw Problem.unsupported("a rank changes in steps: it has no slope to attribute by")
                        .where("metric.name")
                        .expected("logit_diff, logit, prob, nll or kl")
                        .found("rank")
                        .instead("patch, which measures: \"kind\": \"patch\"");
        }
        return targets;
    }

    /** The token with the largest logit. */
    public static int top(float[] logits) {
        int top = 0;
        for (int v = 1; v < logits.length; v++) if (logits[v] > logits[top]) top = v;
        return top;
    }

    private static double mean(int[] ids, float[] logits) {
        return IntStream.of(ids).mapToDouble(i -> logits[i]).average().orElse(0);
    }

    /** The natural logarithms of the probabilities, [vocab]. */
    public static double[] logProbabilities(float[] logits) {
        double max = logits[top(logits)];
        double sum = 0;
        for (float v : logits) sum += Math.exp(v - max);
        double log = max + Math.log(sum);
        double[] out = new double[logits.length];
        for (int v = 0; v < out.length; v++) out[v] = logits[v] - log;
        return out;
    }
}
