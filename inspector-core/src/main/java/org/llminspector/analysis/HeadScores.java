package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import org.llminspector.analysis.HeadSums.Role;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/**
 * Scores of an attention head per role: the share of its attention on the role's keys, averaged over the queries that
 * have such a key.
 *
 * <p>The roles are those of Elhage et al. 2021 and Olsson et al. 2022. On random tokens repeated once the scores are
 * the means of the pattern's stripes (its diagonals) as in TransformerLens's main demo; on any other text an earlier
 * occurrence of the query's token replaces the first half. TransformerLens's {@code detect_head} is a different measure
 * that compares the whole pattern with a detection pattern: {@link HeadDetection}.
 *
 * @param previous attention to the token before; queries from 2 on
 * @param duplicate attention to earlier occurrences of the query's token; null when no token occurs twice
 * @param induction attention to the tokens after earlier occurrences of the query's token; null as above
 * @param first attention to the first token; queries from 2 on
 * @param self attention of a query to itself; queries from 2 on
 * @param role role of the highest score if it is at least {@link #CLEAR}; else null
 */
public record HeadScores(
        int layer,
        int head,
        double previous,
        Double duplicate,
        Double induction,
        double first,
        double self,
        Role role) {

    /** The role in lower case, or {@code -} for none. */
    public String roleName() {
        return role == null ? "-" : role.name().toLowerCase(Locale.ROOT);
    }

    /** Minimum score of a role. */
    public static final double CLEAR = 0.4;

    /**
     * Scores every head of one layer.
     *
     * @param pattern attention after the softmax, [1, head, query, key]
     * @param tokens the ids at the positions, [pos]
     * @param queries the positions over which duplicate and induction are averaged
     */
    public static List<HeadScores> of(int layer, Tensor pattern, int[] tokens, BitSet queries) {
        long[] shape = pattern.shape();
        int n = tokens.length;
        if (shape.length != 4 || shape[2] != n || shape[3] != n) {
            throw Problem.invalid("the pattern is not of these tokens")
                    .where("layer " + layer)
                    .expected("[1, head, " + n + ", " + n + "]")
                    .found(java.util.Arrays.toString(shape));
        }
        enough(n);
        int heads = Math.toIntExact(shape[1]);
        float[] p = pattern.toFloats(); // [1, head, query, key]
        List<HeadScores> scores = new ArrayList<>();
        for (int h = 0; h < heads; h++) scores.add(score(layer, h, p, h * n * n, tokens, queries));
        return scores;
    }

    /** Refuses texts too short for previous, first and self to differ. */
    static void enough(int n) {
        if (n > HeadSums.FIRST_QUERY) return;
        throw Problem.invalid("too few tokens to score heads")
                .where("tokens")
                .expected("at least " + (HeadSums.FIRST_QUERY + 1))
                .found(n);
    }

    /** Mean of one head's scores over several texts; texts without repeats are left out for duplicate and induction. */
    public static HeadScores mean(List<HeadScores> texts) {
        HeadScores first = texts.get(0);
        return new HeadScores(
                first.layer,
                first.head,
                mean(texts, HeadScores::previous),
                mean(texts, HeadScores::duplicate),
                mean(texts, HeadScores::induction),
                mean(texts, HeadScores::first),
                mean(texts, HeadScores::self));
    }

    private static Double mean(List<HeadScores> texts, Function<HeadScores, Double> score) {
        List<Double> known = texts.stream().map(score).filter(Objects::nonNull).toList();
        if (known.isEmpty()) return null;
        return known.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    private HeadScores(
            int layer, int head, double previous, Double duplicate, Double induction, double first, double self) {
        this(
                layer,
                head,
                previous,
                duplicate,
                induction,
                first,
                self,
                role(previous, duplicate, induction, first, self));
    }

    /**
     * @param p patterns, in which the head's [query, key] begins at {@code from}
     * @param queries the positions over which duplicate and induction are averaged
     */
    static HeadScores score(int layer, int head, float[] p, int from, int[] tokens, BitSet queries) {
        int n = tokens.length;
        HeadSums.Repeats repeats = new HeadSums.Repeats(tokens);
        HeadSums sums = new HeadSums();
        for (int q = 0; q < n; q++) {
            sums.addPlaces(p, from + q * n, q);
            if (queries.get(q)) sums.addRepeats(p, from + q * n, q, repeats);
        }
        return new HeadScores(
                layer,
                head,
                sums.mean(Role.PREVIOUS_TOKEN),
                sums.mean(Role.DUPLICATE_TOKEN),
                sums.mean(Role.INDUCTION),
                sums.mean(Role.FIRST_TOKEN),
                sums.mean(Role.SELF));
    }

    /** @param scores in the order of {@link Role} */
    private static Role role(Double... scores) {
        Role best = null;
        double most = CLEAR;
        for (int i = 0; i < scores.length; i++) {
            if (scores[i] == null || scores[i] < most) continue;
            most = scores[i];
            best = Role.values()[i];
        }
        return best;
    }
}
