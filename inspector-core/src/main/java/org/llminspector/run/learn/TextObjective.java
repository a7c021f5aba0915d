package org.llminspector.run.learn;

import java.util.Arrays;
import org.llminspector.base.Problem;
import org.llminspector.engine.Learner;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/**
 * Next-token prediction loss of a text: the weighted mean nll.
 *
 * @param tokens [1][pos]
 * @param weights of each next token in the mean, [1][pos - 1]
 */
record TextObjective(int[][] tokens, float[][] weights) implements UpdateObjective {

    /**
     * @param first the first position whose token is in the loss, negative from the end (1)
     * @param where name of the text's field
     * @param field name of the first position's field
     */
    static TextObjective of(ModelFolder folder, RunRequest request, Integer first, String where, String field) {
        int[] ids =
                Prompt.of(request, folder).tokens().stream().mapToInt(Token::id).toArray();
        if (ids.length < 2) {
            throw Problem.invalid("a single token has no next one to learn")
                    .where(where)
                    .expected("at least two tokens");
        }
        int from = first == null ? 1 : first < 0 ? first + ids.length : first;
        if (from < 1 || from >= ids.length) {
            throw Problem.invalid("there is no such token to learn")
                    .where(field)
                    .expected("1 to " + (ids.length - 1))
                    .found(first);
        }
        float[][] mean = {new float[ids.length - 1]};
        Arrays.fill(mean[0], from - 1, ids.length - 1, 1f / (ids.length - from));
        return new TextObjective(new int[][] {ids}, mean);
    }

    @Override
    public double loss(Learner learner) {
        float[] nll = learner.score(tokens).nll()[0];
        double sum = 0;
        for (int i = 0; i < nll.length; i++) sum += (double) weights[0][i] * nll[i];
        return sum;
    }

    @Override
    public void accumulate(Learner learner) {
        learner.accumulate(tokens, weights);
    }
}
