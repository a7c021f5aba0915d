package org.llminspector.run.learn;

import java.util.List;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;

/**
 * Request for the gradient of a scalar function of a model's outputs. Null means the default named here.
 *
 * @param model a slug that GET /models lists (the default model)
 * @param device {@code auto}, {@code cpu}, {@code cuda:0} (auto)
 * @param prompt text; exactly one of prompt, tokens and messages
 * @param tokens ids instead of a text
 * @param messages a conversation
 * @param addSpecialTokens as of a run
 * @param targets terms of the sum to differentiate (the mean nll of every next token)
 * @param hooks hook names or globs of values to differentiate by (none)
 * @param parameters whether to differentiate by every weight (true)
 * @param values whether the answer contains the hooks' full gradients in addition to their norms (false)
 */
public record GradientsRequest(
        String model,
        String device,
        String prompt,
        List<Integer> tokens,
        List<Message> messages,
        Boolean addSpecialTokens,
        List<Target> targets,
        List<String> hooks,
        Boolean parameters,
        Boolean values) {

    /**
     * One token at one position.
     *
     * @param pos output position; -1 is the last one, -2 the one before
     * @param token an id
     * @param of nll or logit (nll)
     * @param weight 1 by default
     */
    public record Target(Integer pos, Integer token, Of of, Double weight) {}

    RunRequest asRun() {
        return RunRequest.builder()
                .model(model)
                .device(device)
                .prompt(prompt)
                .tokens(tokens)
                .messages(messages)
                .addSpecialTokens(addSpecialTokens == null ? messages == null : addSpecialTokens)
                .build();
    }
}
