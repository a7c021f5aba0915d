package org.llminspector.tales.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.tales.drill.CopyingDrills.Game;
import org.llminspector.tales.question.Phrasings;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Words;
import org.llminspector.train.corpus.Corpus.Span;

/**
 * Document of people who each found a number of one kind of thing. All the numbers precede the same noun, so the answer
 * depends on the name alone, two words before the number; stories mention only two finders, and ask for one.
 */
public final class FoundCountDrill {

    /** Approximate characters of a document: one fills a sequence of 256 tokens. */
    private static final int LONG = 550;

    private static final int MOST = 6;
    private static final List<Group> SORTS =
            Stream.of(Words.FOODS, Words.FINDS).flatMap(List::stream).toList();

    private final ChoiceSource dice;
    private final StringBuilder text = new StringBuilder("Who found how many?");
    private final List<Span> determined = new ArrayList<>();
    private final List<String> names;

    private FoundCountDrill(ChoiceSource dice) {
        this.dice = dice;
        this.names = new ArrayList<>(dice.several(Words.NAMES, Words.NAMES.size()));
    }

    public static Game of(ChoiceSource dice) {
        FoundCountDrill all = new FoundCountDrill(dice);
        do all.round();
        while (all.text.length() < LONG);
        return new Game(all.text.toString(), List.copyOf(all.determined));
    }

    /** States two to four facts, then repeats each, or asks for it, in another order. */
    private void round() {
        Group sort = dice.pick(SORTS);
        List<Integer> numbers =
                dice.several(IntStream.rangeClosed(1, MOST).boxed().toList(), dice.weighted(0, 0, 5, 2, 1));
        List<String> told = new ArrayList<>();
        for (int n : numbers) told.add(names.remove(0) + " found " + sort.of(n));
        text.append('\n').append(Words.and(told).replace(" and ", ", and ")).append('.');
        if (told.size() == 2 && dice.chance(0.5)) sum(sort, numbers.get(0), numbers.get(1));
        for (String fact : dice.several(told, told.size())) {
            String name = fact.substring(0, fact.indexOf(' '));
            String question = "How many " + sort.many() + " did " + name + " find?";
            text.append('\n');
            if (dice.chance(0.5))
                text.append(Phrasings.perhapsParaphrased(question, dice)).append('\n');
            int from = text.length() + (name + " found ").length();
            text.append(fact);
            determined.add(new Span(from, text.length()));
            text.append('.');
        }
    }

    private void sum(Group sort, int first, int second) {
        text.append(" \"How many do we have?\" \"")
                .append(Words.capital(Words.number(first)))
                .append(" and ")
                .append(Words.number(second))
                .append(" make ")
                .append(Words.number(first + second))
                .append(".\" So they had ")
                .append(sort.of(first + second))
                .append('.');
    }
}
