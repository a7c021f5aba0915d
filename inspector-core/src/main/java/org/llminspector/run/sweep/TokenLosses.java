package org.llminspector.run.sweep;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.tokenize.Token;

/**
 * Which tokens of a corpus cost the model most.
 *
 * @param kinds different tokens that were predicted
 * @param frequent those of them that occur often enough to be listed
 * @param count of all predicted tokens
 * @param sum of their losses, nats
 * @param tokens the first in the asked order
 */
public record TokenLosses(int kinds, int frequent, long count, double sum, List<Of> tokens) {

    public TokenLosses {
        tokens = List.copyOf(tokens);
    }

    /**
     * Loss of the tokens with one id.
     *
     * @param count how many
     * @param sum of their losses, nats
     * @param share of the corpus's whole loss; 0 where that is 0
     */
    public record Of(Token token, long count, double sum, double mean, double share) {}

    /** What tokens are sorted by. */
    public enum By {
        /** What all of them cost together. */
        TOTAL,
        /** What one of them costs. */
        MEAN
    }

    /**
     * Tokens to list.
     *
     * @param most the highest first, else the lowest
     * @param least occurrences of a token that is listed
     * @param limit of the list's length
     */
    public record Order(By by, boolean most, long least, int limit) {}

    private record Sums(int id, long count, double sum) {
        double mean() {
            return sum / count;
        }
    }

    static TokenLosses of(Path file, Order order, IntFunction<Token> token) {
        List<Sums> listed = new ArrayList<>();
        int kinds = 0;
        long count = 0;
        double sum = 0;
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            Tensor sums = f.tensor("token/sum");
            Tensor counts = f.tensor("token/count");
            for (int id = 0; id < sums.size(); id++) {
                long n = (long) counts.get(id);
                if (n == 0) continue;
                kinds++;
                count += n;
                sum += sums.get(id);
                if (n >= order.least()) listed.add(new Sums(id, n, sums.get(id)));
            }
        }
        Comparator<Sums> sorted = Comparator.comparingDouble(order.by() == By.MEAN ? Sums::mean : Sums::sum);
        listed.sort((order.most() ? sorted.reversed() : sorted).thenComparingInt(Sums::id));
        double all = sum;
        return new TokenLosses(
                kinds,
                listed.size(),
                count,
                sum,
                listed.stream()
                        .limit(order.limit())
                        .map(s ->
                                new Of(token.apply(s.id()), s.count(), s.sum(), s.mean(), all == 0 ? 0 : s.sum() / all))
                        .toList());
    }
}
