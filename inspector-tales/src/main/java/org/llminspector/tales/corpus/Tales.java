package org.llminspector.tales.corpus;

import java.util.List;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.llminspector.tales.drill.CopyingDrills;
import org.llminspector.tales.drill.Quiz;
import org.llminspector.tales.plot.Storyteller;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.train.Corpus;

/** All stories of one seed. Safe on any thread. */
public final class Tales implements Corpus {

    /** A story is regenerated with other choices until it has at least this many words. */
    public static final int LEAST_WORDS = 60;

    public static final int MOST_WORDS = 180;

    /** Of a story that ends with many questions. */
    private static final int MOST_WORDS_ASKED = 200;

    private static final int ATTEMPTS = 1000;

    /**
     * Curriculum of the training split, as document indices: which documents are games. Many at first, once a model
     * knows the words: whole rows, then parts of rows, then bare rows; then few, to retain the skill. Later some again:
     * rows of all words in stories, not only names and things, and sums, which are learned last. While the rate falls,
     * almost none: a model's output resembles what it was trained on last.
     */
    private static final long WHOLE_ROWS = 14_600;

    private static final long PARTS = 20_258;
    private static final long BARE = 24_513;
    private static final long FEW = 26_513;
    private static final double MANY_GAMES = 0.6;
    private static final double FEW_GAMES = 0.06;
    private static final long ANY_WORDS = 58_000;
    private static final long SUMS = 60_000;
    private static final long NEXT_TO_NONE = 86_000;
    private static final double SOME_GAMES = 0.3;
    private static final double SOME_SUMS = 0.12;
    private static final double LAST_GAMES = 0.02;

    /**
     * Mid-training begins here: first mostly kinds with names, and people; then stories again, and quizzes about them;
     * at the end almost none.
     */
    private static final long PAIRS = 200_000;

    private static final long MIXED_PAIRS = PAIRS + 4_938;
    private static final long QUIZZES = PAIRS + 7_415;
    private static final long CROWDS = PAIRS + 8_060;
    private static final long MENTIONS = PAIRS + 11_053;
    private static final long SENTENCES = PAIRS + 12_788;
    private static final long YES_OR_NO = PAIRS + 14_429;
    private static final long COMPARED_IN_SENTENCES = PAIRS + 15_229;
    private static final long FOUND_AND_COMPARED = PAIRS + 16_029;
    private static final long QUIZZES_AGAIN = PAIRS + 18_429;
    private static final long FEW_QUIZZES = PAIRS + 24_229;

    /** From here on {@code Prose.counted} are the spans that count more, and words' alternatives are recorded. */
    static final long DRAWN = 600_000;

    /** Number of first stories whose words, where a space precedes them, are the word list of games. */
    private static final int READ = 400;

    private static final Pattern WORD = Pattern.compile("(?<= )[A-Za-z]+");

    private static final long PLAYING = 1L << 42;

    private final long seed;
    private List<String> words; // of the first stories; null until a game needs them

    public Tales(long seed) {
        this.seed = seed;
    }

    @Override
    public String document(Split split, long index) {
        return game(split, index).map(CopyingDrills.Game::text).orElseGet(() -> tale(split, index)
                .text());
    }

    @Override
    public List<Span> determined(Split split, long index) {
        return game(split, index).map(CopyingDrills.Game::determined).orElseGet(() -> tale(split, index)
                .determined());
    }

    @Override
    public List<Choice> choices(Split split, long index) {
        return game(split, index).map(CopyingDrills.Game::choices).orElseGet(() -> tale(split, index)
                .choices());
    }

    private Optional<CopyingDrills.Game> game(Split split, long index) {
        if (split != Split.TRAIN || index < WHOLE_ROWS) return Optional.empty();
        ChoiceSource dice = new ChoiceSource(seed, PLAYING, index);
        if (index >= DrillMixture.FIRST) return DrillMixture.of(this, dice, index);
        if (index >= PAIRS) return quiz(dice, index);
        if (index >= ANY_WORDS) return laterGame(dice, index);
        if (!dice.chance(index < FEW ? MANY_GAMES : FEW_GAMES)) return Optional.empty();
        if (index < PARTS) return Optional.of(CopyingDrills.rows(dice));
        boolean parts = index < BARE || (index >= FEW && dice.chance(0.5));
        return Optional.of(parts ? CopyingDrills.parts(dice) : CopyingDrills.bare(dice));
    }

    private Optional<CopyingDrills.Game> laterGame(ChoiceSource dice, long index) {
        double share = index < SUMS ? SOME_GAMES : index < NEXT_TO_NONE ? SOME_SUMS : LAST_GAMES;
        if (!dice.chance(share)) return Optional.empty();
        int way = index < SUMS ? dice.weighted(8, 1, 1) : dice.weighted(2, 1, 3);
        if (way == 0) return Optional.of(CopyingDrills.bare(dice, words()));
        return Optional.of(way == 1 ? CopyingDrills.parts(dice) : CopyingDrills.sums(dice));
    }

    private Optional<CopyingDrills.Game> quiz(ChoiceSource dice, long index) {
        boolean verdictFirst = index < YES_OR_NO;
        int way;
        if (index < QUIZZES) way = dice.weighted(15, 70, 15);
        else if (index < CROWDS) way = dice.weighted(40, 5, 15, 40);
        else if (index < MENTIONS) way = dice.weighted(15, 8, 0, 0, 7, 70);
        else if (index < SENTENCES) way = dice.weighted(15, 55, 0, 0, 5, 25);
        else if (index < YES_OR_NO) way = dice.weighted(10, 10, 0, 0, 0, 20, 60);
        else if (index < FOUND_AND_COMPARED) way = dice.weighted(12, 0, 0, 0, 5, 0, 8, 75);
        else if (index < QUIZZES_AGAIN) way = dice.weighted(15, 0, 5, 0, 5, 10, 50, 15);
        else if (index < FEW_QUIZZES) way = dice.weighted(58, 0, 4, 22, 4, 6, 4, 2);
        else way = dice.weighted(90, 0, 0, 6, 2, 2);
        return switch (way) {
            case 0 -> Optional.empty();
            case 1 -> Optional.of(Quiz.pairs(dice, index >= MIXED_PAIRS, index >= MENTIONS));
            case 2 -> Optional.of(Quiz.people(dice, verdictFirst));
            case 3 -> Optional.of(Quiz.about(tale(Split.TRAIN, index), dice, verdictFirst));
            case 4 -> Optional.of(CopyingDrills.bare(dice, words()));
            case 5 -> Optional.of(Quiz.crowd(dice, verdictFirst));
            case 6 -> Optional.of(Quiz.few(dice, verdictFirst ? 0.15 : 0.7, verdictFirst));
            default -> Optional.of(Quiz.same(dice, index >= COMPARED_IN_SENTENCES));
        };
    }

    /** The distinct words of the first stories, sorted. */
    synchronized List<String> words() {
        if (words == null) {
            words = LongStream.range(0, READ)
                    .mapToObj(i -> tale(Split.TRAIN, i).text())
                    .flatMap(text -> WORD.matcher(text).results().map(MatchResult::group))
                    .sorted()
                    .distinct()
                    .toList();
        }
        return words;
    }

    public Tale tale(Split split, long index) {
        return tale(split, index, MOST_WORDS);
    }

    /**
     * The story of this index with a limit on its length.
     *
     * @param mostWords at least {@link #LEAST_WORDS} and twenty more
     */
    Tale tale(Split split, long index, int mostWords) {
        return tale(split, index, mostWords, false);
    }

    /** A story with facts that are hard to remember, whose end asks about nearly all of them. */
    public Tale curious(long index) {
        return tale(Split.TRAIN, index, MOST_WORDS_ASKED, true);
    }

    private Tale tale(Split split, long index, int mostWords, boolean curious) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Tale tale = new Storyteller(new ChoiceSource(seed, split.ordinal() + 2L * attempt, index))
                    .tell(curious, split == Split.TRAIN && index >= DRAWN);
            if (tale.words() >= LEAST_WORDS && tale.words() <= mostWords) return tale;
        }
        throw new IllegalStateException("no story of at most " + mostWords + " words");
    }
}
