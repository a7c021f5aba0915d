package org.llminspector.tales.corpus;

import java.util.List;
import java.util.Optional;
import org.llminspector.tales.drill.CopyingDrills;
import org.llminspector.tales.drill.CopyingDrills.Game;
import org.llminspector.tales.drill.FoundCountDrill;
import org.llminspector.tales.drill.Quiz;
import org.llminspector.tales.drill.RecallDrill;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.train.Corpus.Split;

/**
 * Documents of the third training stage. The model guessed at questions about two people met, two gifts, or two kinds
 * of counted things, so each skill is taught in short forms first, then in sentences, then in stories. The last stage
 * returns to mostly stories, because a model's output resembles what it was trained on last. Documents from 700,000 on
 * are those that the tunings rehearse.
 */
final class DrillMixture {

    /**
     * The mixture of documents from one index on; the boundaries are where the model was seen to have learned it.
     *
     * @param ways weights of: a story, a story that asks about all of it, a quiz about a story, a quiz about a few
     *     people, a row of words, a quiz about many people, sums, a quiz about people, an interview, finders
     * @param kinds weights of an interview's kinds of event; the remaining parameters are the interview's too
     */
    private record Stretch(long from, int[] ways, int[] kinds, double recalled, int bare, int sentences, int story) {}

    static final long FIRST = 400_000;

    private static final int[] EACH = {3, 3, 3, 2, 1};
    private static final int[] ALL = {6, 1, 3, 6, 2};
    private static final int[] BUT_HAD = {4, 1, 4, 3, 1};

    private static final List<Stretch> STRETCHES = List.of(
            new Stretch(0, ways(10, 0, 2, 3, 4, 0, 0, 0, 81), EACH, 0.9, 85, 15, 0),
            new Stretch(2_500, ways(14, 5, 2, 3, 4, 0, 0, 0, 72), EACH, 0.4, 45, 55, 0),
            new Stretch(4_100, ways(14, 5, 2, 3, 4, 0, 0, 0, 72), kinds(1, 1, 4, 4, 1), 0.5, 60, 40, 0),
            new Stretch(6_000, ways(14, 5, 2, 3, 4, 0, 0, 0, 72), BUT_HAD, 0.3, 15, 85, 0),
            new Stretch(7_700, ways(16, 9, 2, 2, 3, 1, 0, 0, 67), kinds(2, 1, 3, 6, 1), 0.35, 20, 30, 50),
            new Stretch(9_300, ways(26, 16, 3, 2, 3, 1, 1, 0, 48), kinds(4, 0, 1, 8, 0), 0.5, 40, 25, 35),
            new Stretch(11_000, ways(27, 40, 3, 2, 3, 1, 1, 0, 23), BUT_HAD, 0.15, 5, 15, 80),
            new Stretch(12_700, ways(27, 25, 2, 3, 3, 1, 1, 0, 38), kinds(6, 0, 1, 1, 0), 0.25, 10, 35, 55),
            new Stretch(15_300, ways(70, 12, 5, 2, 3, 2, 2, 1, 3), BUT_HAD, 0.15, 5, 15, 80),
            new Stretch(16_000, ways(88, 0, 5, 1, 2, 1, 1, 1, 1), BUT_HAD, 0.15, 5, 15, 80),
            new Stretch(22_000, ways(95, 0, 4, 0, 1, 0, 0, 0, 0), EACH, 0, 0, 0, 1),
            new Stretch(200_000, ways(76, 11, 3, 1, 0, 0, 1, 1, 7), ALL, 0.1, 0, 15, 85),
            new Stretch(215_000, ways(90, 6, 3, 0, 0, 0, 0, 0, 1), ALL, 0.1, 0, 15, 85),
            new Stretch(300_000, ways(57, 9, 3, 0, 0, 0, 1, 1, 4, 25), ALL, 0.1, 0, 15, 85),
            new Stretch(305_000, ways(80, 8, 3, 0, 0, 0, 0, 1, 3, 5), ALL, 0.1, 0, 15, 85));

    private DrillMixture() {}

    private static int[] ways(int... weights) {
        return weights;
    }

    private static int[] kinds(int... weights) {
        return weights;
    }

    /** The document of this index, if it is not an ordinary story. */
    static Optional<Game> of(Tales tales, ChoiceSource dice, long index) {
        Stretch now = STRETCHES.stream()
                .filter(s -> FIRST + s.from <= index)
                .reduce((a, b) -> b)
                .orElseThrow();
        return switch (dice.weighted(now.ways)) {
            case 0 -> Optional.empty();
            case 1 -> Optional.of(Game.of(tales.curious(index)));
            case 2 -> Optional.of(Quiz.about(tales.tale(Split.TRAIN, index), dice, false));
            case 3 -> Optional.of(Quiz.few(dice, 0.7, false));
            case 4 -> Optional.of(CopyingDrills.bare(dice, tales.words()));
            case 5 -> Optional.of(Quiz.crowd(dice, false));
            case 6 -> Optional.of(CopyingDrills.sums(dice));
            case 7 -> Optional.of(Quiz.people(dice, false));
            case 9 -> Optional.of(FoundCountDrill.of(dice));
            default -> Optional.of(RecallDrill.of(dice, now.kinds, now.recalled, now.bare, now.sentences, now.story));
        };
    }
}
