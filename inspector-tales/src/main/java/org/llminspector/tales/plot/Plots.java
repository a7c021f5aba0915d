package org.llminspector.tales.plot;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.llminspector.tales.words.ChoiceSource;

/** All plots with how often each is drawn; each continues from the state that the earlier ones left. */
final class Plots {

    private final ChoiceSource dice;
    private final ErrandPlots errands;
    private final CompanyPlots company;
    private final CountingPlots counting;

    /**
     * One episode.
     *
     * @param weight how often it is played
     * @param hard how often in stories with many facts to ask about
     */
    private record Plot(int weight, int hard, Consumer<Plots> play) {}

    private static final List<Plot> ALL = List.of(
            new Plot(3, 1, p -> p.errands.lost()),
            new Plot(3, 1, p -> p.errands.need()),
            new Plot(2, 1, p -> p.company.door()),
            new Plot(3, 3, p -> p.counting.share()),
            new Plot(3, 2, p -> p.counting.together()),
            new Plot(2, 0, p -> p.company.hideAndSeek()),
            new Plot(2, 1, p -> p.company.song()),
            new Plot(3, 1, p -> p.errands.letter()),
            new Plot(2, 3, p -> p.errands.list()),
            new Plot(2, 1, p -> p.errands.noise()),
            new Plot(2, 1, p -> p.company.quarrel()),
            new Plot(2, 1, p -> p.errands.birthday()),
            new Plot(3, 1, p -> p.company.cart()),
            new Plot(2, 0, p -> p.company.joke()),
            new Plot(2, 1, p -> p.company.race()),
            new Plot(2, 12, p -> p.counting.soup()),
            new Plot(2, 30, p -> p.errands.swap()),
            new Plot(2, 0, p -> p.company.rain()),
            new Plot(2, 2, p -> p.counting.watch()),
            new Plot(2, 4, p -> p.counting.lesson()),
            new Plot(2, 1, p -> p.errands.message()),
            new Plot(3, 0, p -> p.company.echo()),
            new Plot(2, 0, p -> p.company.sorry()),
            new Plot(2, 3, p -> p.counting.ill()),
            new Plot(2, 0, p -> p.errands.star()));

    static final int COUNT = ALL.size();

    Plots(Scene scene) {
        this.dice = scene.dice;
        this.errands = new ErrandPlots(scene);
        this.company = new CompanyPlots(scene);
        this.counting = new CountingPlots(scene);
    }

    /** Plays an episode drawn by weight from the list, and removes it. */
    void play(List<Integer> left) {
        play(left, Plot::weight);
    }

    /** Plays an episode with facts that are hard to remember. */
    void playHard(List<Integer> left) {
        play(left, Plot::hard);
    }

    private void play(List<Integer> left, ToIntFunction<Plot> likely) {
        int[] weights = left.stream().map(ALL::get).mapToInt(likely).toArray();
        ALL.get(left.remove(dice.weighted(weights))).play().accept(this);
    }
}
