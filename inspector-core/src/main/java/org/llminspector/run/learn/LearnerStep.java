package org.llminspector.run.learn;

import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.engine.Optimizer;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/**
 * Request for gradient updates of a learner on a text. Null means the default named here.
 *
 * @param prompt text whose next tokens are learned; exactly one of prompt, tokens and messages
 * @param addSpecialTokens as of a run
 * @param optimizer sgd, momentum, adam or adamw (adamw)
 * @param learningRate 0.001
 * @param momentum 0.9
 * @param beta1 0.9
 * @param beta2 0.999
 * @param eps 1e-8
 * @param weightDecay of matrices (0)
 * @param maxNorm clipping threshold of the gradient norm (no clipping)
 * @param steps number of updates (1)
 * @param from the first position whose token is learned; earlier ones are context only (1: every token but the first)
 * @param watch texts whose loss is reported before and after, without learning from them
 * @param preference two answers to the prompt for preference learning, instead of learning the prompt itself (none)
 */
public record LearnerStep(
        String prompt,
        List<Integer> tokens,
        List<Message> messages,
        Boolean addSpecialTokens,
        Optimizer.Kind optimizer,
        Double learningRate,
        Double momentum,
        Double beta1,
        Double beta2,
        Double eps,
        Double weightDecay,
        Double maxNorm,
        Integer steps,
        Integer from,
        List<Watched> watch,
        Preferred preference) {

    private static final int MAX_STEPS = 100;
    private static final int MAX_WATCHED = 50;

    /**
     * A text whose loss is reported before and after the updates.
     *
     * @param from the first position that counts (1)
     */
    public record Watched(String prompt, List<Integer> tokens, Integer from) {

        RunRequest asRun(String model) {
            return RunRequest.builder()
                    .model(model)
                    .prompt(prompt)
                    .tokens(tokens)
                    .addSpecialTokens(true)
                    .build();
        }
    }

    /**
     * Two answers to the prompt, for direct preference optimization (arXiv:2305.18290). The reference is the learner's
     * initial model.
     *
     * @param chosen the better one
     * @param beta DPO's beta: weight per nat of margin (0.1)
     */
    public record Preferred(Reply chosen, Reply rejected, Double beta) {

        double strength() {
            double strength = or(beta, 0.1);
            if (strength > 0 && Double.isFinite(strength)) return strength;
            throw Problem.invalid("beta is out of range")
                    .where("preference.beta")
                    .expected("more than 0")
                    .found(strength);
        }
    }

    /**
     * An answer; exactly one of the two fields.
     *
     * @param text after messages, it ends as the chat template ends an answer; else it continues the prompt
     * @param tokens used as given
     */
    public record Reply(String text, List<Integer> tokens) {}

    /** Mean nll of a watched text's next tokens, from its {@code from} on. */
    public record Change(double before, double after) {}

    /**
     * Result of the updates.
     *
     * @param step total updates of the learner
     * @param lossBefore mean nll of the learned tokens; for a preference, -ln sigmoid(margin)
     * @param gradNorm of the last update, before clipping
     * @param parameters of the last update
     * @param watched in the order of the request
     * @param preference null where a text was learned
     * @param weightsSha256 of all current weights, flat float32, little-endian
     */
    public record Answer(
            String id,
            long step,
            double lossBefore,
            double lossAfter,
            double gradNorm,
            int undoable,
            List<ParameterUpdate> parameters,
            List<Change> watched,
            PreferenceChange preference,
            String weightsSha256) {}

    /**
     * Effect of the updates on two answers.
     *
     * @param marginBefore the chosen answer's reward minus the rejected one's; sigmoid(margin) is the model's
     *     probability of preferring the chosen one
     */
    public record PreferenceChange(
            double beta, ReplyChange chosen, ReplyChange rejected, double marginBefore, double marginAfter) {}

    /**
     * One answer. Log probabilities are sums over its tokens, nats.
     *
     * @param prompt number of tokens before it, which are context only
     * @param reference under the learner's initial model
     * @param rewardBefore beta (before - reference), the reward that the learner implies (arXiv:2305.18290, sec. 5)
     */
    public record ReplyChange(
            int prompt,
            List<Token> tokens,
            double reference,
            double before,
            double after,
            double rewardBefore,
            double rewardAfter,
            List<TokenChange> byToken) {}

    /** ln of one token's probability, nats. */
    public record TokenChange(double reference, double before, double after) {}

    /** One weight's share in an update, as L2 norms. */
    public record ParameterUpdate(
            String name, List<Long> shape, double gradNorm, double updateNorm, double weightNorm) {}

    Optimizer rule() {
        Optimizer.Kind kind = optimizer == null ? Optimizer.Kind.ADAMW : optimizer;
        return Optimizer.of(kind, momentum, beta1, beta2, eps, weightDecay);
    }

    double rate() {
        double rate = or(learningRate, 1e-3);
        if (rate > 0 && Double.isFinite(rate)) return rate;
        throw Problem.invalid("the learning rate is out of range")
                .where("learning_rate")
                .expected("more than 0")
                .found(rate);
    }

    double limit() {
        double limit = or(maxNorm, Double.POSITIVE_INFINITY);
        if (limit > 0) return limit;
        throw Problem.invalid("the gradient's longest norm is out of range")
                .where("max_norm")
                .expected("more than 0")
                .found(limit);
    }

    int count() {
        int count = steps == null ? 1 : steps;
        if (count >= 1 && count <= MAX_STEPS) return count;
        throw Problem.invalid("the number of updates is out of range")
                .where("steps")
                .expected("1 to " + MAX_STEPS)
                .found(count);
    }

    List<Watched> watching() {
        if (watch == null) return List.of();
        if (watch.size() <= MAX_WATCHED) return watch;
        throw Problem.invalid("too many texts to watch")
                .where("watch")
                .expected("at most " + MAX_WATCHED)
                .found(watch.size());
    }

    RunRequest asRun(String model) {
        return RunRequest.builder()
                .model(model)
                .prompt(prompt)
                .tokens(tokens)
                .messages(messages)
                .addSpecialTokens(addSpecialTokens == null ? messages == null : addSpecialTokens)
                .build();
    }

    private static double or(Double value, double otherwise) {
        return value == null ? otherwise : value;
    }
}
