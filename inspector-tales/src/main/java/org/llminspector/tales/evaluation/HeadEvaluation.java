package org.llminspector.tales.evaluation;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.llminspector.analysis.HeadScores;
import org.llminspector.analysis.HeadSums;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tokenize.Token;
import org.llminspector.train.corpus.Corpus.Split;

/** Scores of every head on repeated random tokens, and on stories that repeat magic words and names. */
final class HeadEvaluation {

    private static final int REPEATED = 60;
    private static final int SEQUENCES = 8;
    private static final long SEED = 20261125;
    /** Number of stories whose words are the random tokens: the model has rarely seen the tokenizer's others. */
    private static final int READ = 400;

    private double randomFirst;
    private double randomAgain;
    private double chantFirst;
    private double chantAgain;
    private int chants;
    private final NameScores names = new NameScores();

    private HeadEvaluation() {}

    record Found(EvaluationReport.Copying copying, EvaluationReport.Heads heads) {}

    static Found run(EvaluatedModel model, Tales tales, int stories) {
        HeadEvaluation evaluation = new HeadEvaluation();
        List<HeadScores> random = evaluation.random(model, words(model, tales));
        List<HeadScores> chant = evaluation.stories(model, tales, stories);
        List<Double> names = evaluation.names.means();
        EvaluationReport.Copying copying = new EvaluationReport.Copying(
                evaluation.randomFirst,
                evaluation.randomAgain,
                evaluation.chantFirst,
                evaluation.chantAgain,
                evaluation.chants);
        Map<String, Integer> roles = new TreeMap<>();
        Map<String, Integer> onStories = new TreeMap<>();
        for (int h = 0; h < random.size(); h++) {
            count(random.get(h).role(), roles);
            HeadSums.Role role = chant.isEmpty() ? null : chant.get(h).role();
            count(role, onStories);
            if (role == null && names.get(h) >= HeadScores.CLEAR) onStories.merge("name_mover", 1, Integer::sum);
        }
        double bestOnNames =
                names.stream().mapToDouble(Double::doubleValue).max().orElse(0);
        EvaluationReport.Heads heads = new EvaluationReport.Heads(
                random,
                chant,
                names,
                sum(roles),
                roles,
                sum(onStories),
                onStories,
                best(random),
                best(chant),
                bestOnNames);
        return new Found(copying, heads);
    }

    private static void count(HeadSums.Role role, Map<String, Integer> roles) {
        if (role != null) roles.merge(role.name().toLowerCase(Locale.ROOT), 1, Integer::sum);
    }

    private static int sum(Map<String, Integer> roles) {
        return roles.values().stream().mapToInt(Integer::intValue).sum();
    }

    /** The distinct ids of the tokens in those stories. */
    private static int[] words(EvaluatedModel model, Tales tales) {
        return IntStream.range(0, READ)
                .boxed()
                .flatMap(i -> model.tokens(tales.document(Split.HELD_OUT, i)).stream())
                .filter(t -> t.start() != null)
                .mapToInt(Token::id)
                .distinct()
                .sorted()
                .toArray();
    }

    private List<HeadScores> random(EvaluatedModel model, int[] words) {
        Random random = new Random(SEED);
        List<List<HeadScores>> scores = new ArrayList<>();
        for (int s = 0; s < SEQUENCES; s++) {
            int[] once = random.ints(0, words.length)
                    .distinct()
                    .limit(REPEATED)
                    .map(i -> words[i])
                    .toArray();
            int[] begin = model.begin("");
            int[] tokens = IntStream.concat(
                            IntStream.of(begin), IntStream.concat(IntStream.of(once), IntStream.of(once)))
                    .toArray();
            try (Capture pass = model.pass(tokens, true)) {
                double[] losses = EvaluatedModel.losses(pass, tokens);
                // Index of the loss of the repeat's first token, which cannot be known to repeat.
                int half = begin.length - 1 + REPEATED;
                randomFirst += mean(losses, begin.length - 1, half) / SEQUENCES;
                randomAgain += mean(losses, half + 1, losses.length) / SEQUENCES;
                BitSet all = new BitSet();
                all.set(0, tokens.length);
                scores.add(scores(model, pass, tokens, all));
            }
        }
        return average(scores);
    }

    private List<HeadScores> stories(EvaluatedModel model, Tales tales, int stories) {
        List<List<HeadScores>> scores = new ArrayList<>();
        for (int i = 0; i < stories; i++) {
            Tale tale = tales.tale(Split.HELD_OUT, i);
            List<Token> read = model.tokens(tale.text());
            int[] tokens = read.stream().mapToInt(Token::id).toArray();
            try (Capture pass = model.pass(tokens, true)) {
                names.add(model, pass, tale, read);
                chant(model, pass, tale, read, tokens).ifPresent(scores::add);
            }
        }
        if (chants == 0) return List.of();
        chantFirst /= chants;
        chantAgain /= chants;
        return average(scores);
    }

    /** The heads' scores where a story's magic words repeat; empty if they do not, or as other tokens. */
    private Optional<List<HeadScores>> chant(
            EvaluatedModel model, Capture pass, Tale tale, List<Token> read, int[] tokens) {
        String chant = tale.chant().orElse(null);
        if (chant == null) return Optional.empty();
        int first = tale.text().indexOf(chant);
        int again = tale.text().indexOf(chant, first + 1);
        if (again < 0) return Optional.empty();
        BitSet said = within(read, first, first + chant.length());
        BitSet repeated = within(read, again, again + chant.length());
        if (said.cardinality() != repeated.cardinality()) return Optional.empty(); // tokenized differently
        double[] losses = EvaluatedModel.losses(pass, tokens);
        chantFirst += mean(losses, said.nextSetBit(0) - 1, said.length() - 1);
        // The first repeated word is the story's choice; the rest are copied.
        chantAgain += mean(losses, repeated.nextSetBit(0), repeated.length() - 1);
        chants++;
        return Optional.of(scores(model, pass, tokens, repeated));
    }

    static BitSet within(List<Token> tokens, int from, int to) {
        BitSet inside = new BitSet();
        for (int i = 0; i < tokens.size(); i++) {
            Token t = tokens.get(i);
            if (t.start() != null && t.end() > from && t.start() < to) inside.set(i);
        }
        return inside;
    }

    private static List<HeadScores> scores(EvaluatedModel model, Capture pass, int[] tokens, BitSet queries) {
        List<HeadScores> all = new ArrayList<>();
        for (int layer = 0; layer < model.layers(); layer++) {
            all.addAll(HeadScores.of(layer, pass.get(HookId.of(HookPoint.PATTERN, layer)), tokens, queries));
        }
        return all;
    }

    private static List<HeadScores> average(List<List<HeadScores>> texts) {
        return IntStream.range(0, texts.get(0).size())
                .mapToObj(h -> HeadScores.mean(texts.stream().map(t -> t.get(h)).toList()))
                .toList();
    }

    private static double best(List<HeadScores> scores) {
        return scores.stream()
                .filter(s -> s.induction() != null)
                .mapToDouble(HeadScores::induction)
                .max()
                .orElse(0);
    }

    private static double mean(double[] values, int from, int to) {
        return IntStream.range(from, to).mapToDouble(i -> values[i]).average().orElse(0);
    }
}
