package org.llminspector.tales.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Words;
import org.llminspector.train.Corpus.Choice;
import org.llminspector.train.Corpus.Span;

/**
 * Documents in which one player repeats another's row of words, so that the next word can only be copied from the
 * context. Stories have little such repetition, and on stories alone a model learns induction late.
 */
public final class CopyingDrills {

    private static final List<String> WORDS = Stream.of(
                    Words.NOUNS,
                    Words.MAGIC,
                    Words.THING_ADJECTIVES,
                    Words.TRAITS,
                    Words.TRADES,
                    Words.GIRLS,
                    Words.BOYS)
            .flatMap(List::stream)
            .toList();

    private CopyingDrills() {}

    /** One document, with the spans of its repetitions, and its words drawn from several. */
    public record Game(String text, List<Span> determined, List<Choice> choices) {

        Game(String text, List<Span> determined) {
            this(text, determined, List.of());
        }

        /** A story as a document. */
        public static Game of(Tale tale) {
            return new Game(tale.text(), tale.determined(), tale.choices());
        }
    }

    /** Whole rows: the n-th word of one is the n-th of the other. */
    public static Game rows(ChoiceSource dice) {
        List<String> players = players(dice);
        StringBuilder text = begin(players);
        List<Span> again = new ArrayList<>();
        for (int round = dice.between(2, 4); round > 0; round--) {
            String row = String.join(" ", dice.several(WORDS, dice.between(5, 12)));
            text.append(" \"Say after me: ").append(row).append("!\" said ").append(players.get(0));
            text.append(". \"I say: ");
            for (int times = dice.between(1, 2); times > 0; times--) {
                int from = text.length();
                text.append(row).append("!");
                again.add(new Span(from, from + row.length()));
                if (times > 1) text.append(" Again: ");
            }
            text.append("\" said ").append(players.get(1)).append(".");
        }
        return new Game(text.toString(), again);
    }

    /** Parts of rows, after other words: the position does not determine the word, only its neighbour does. */
    public static Game parts(ChoiceSource dice) {
        List<String> players = players(dice);
        StringBuilder text = begin(players);
        List<Span> again = new ArrayList<>();
        for (int round = dice.between(2, 3); round > 0; round--) {
            List<String> words = dice.several(WORDS, dice.between(8, 18));
            int length = dice.between(6, words.size() - 2);
            List<String> row = words.subList(0, length);
            text.append(" \"Say after me: ")
                    .append(String.join(" ", row))
                    .append("!\" said ")
                    .append(players.get(0));
            text.append(". \"I say: ");
            int unsaid = length;
            for (int times = dice.between(1, 3); times > 0; times--) {
                for (int other = dice.below(3); other > 0 && unsaid < words.size(); other--) {
                    text.append(words.get(unsaid++)).append(' ');
                }
                int first = dice.below(length - 3);
                int last = dice.between(first + 3, length);
                text.append(row.get(first));
                int from = text.length();
                for (String word : row.subList(first + 1, last))
                    text.append(' ').append(word);
                again.add(new Span(from, text.length()));
                if (times > 1) text.append(' ');
            }
            text.append("!\" said ").append(players.get(1)).append(".");
        }
        return new Game(text.toString(), again);
    }

    /** A row said twice, and nothing else. */
    public static Game bare(ChoiceSource dice) {
        return bare(dice, WORDS);
    }

    /** A row of these words said twice, and nothing else. */
    public static Game bare(ChoiceSource dice, List<String> words) {
        String row = " " + String.join(" ", dice.several(words, dice.between(15, 55)));
        String text = (row + row).strip();
        return new Game(text, List.of(new Span(row.length() - 1, text.length())));
    }

    /** Sums: they are rare in stories, and each pair of numbers has to be learned. */
    public static Game sums(ChoiceSource dice) {
        List<String> players = players(dice);
        StringBuilder text = new StringBuilder(players.get(0) + " and " + players.get(1) + " counted.");
        List<Span> results = new ArrayList<>();
        for (int left = dice.between(6, 12); left > 0; left--) {
            boolean plus = dice.chance(0.5);
            int a = dice.between(plus ? 1 : 2, plus ? 9 : Words.MOST);
            int b = dice.between(1, plus ? Math.min(9, Words.MOST - a) : a - 1);
            int result = plus ? a + b : a - b;
            String sum = Words.number(a) + (plus ? " and " : " less ") + Words.number(b);
            int way = dice.weighted(2, 1, 1);
            if (way == 0) {
                text.append(" \"What is ").append(sum).append("?\" asked ").append(players.get(0));
                text.append(". \"").append(Words.capital(sum)).append(plus ? " make " : " is ");
                number(result, text, results)
                        .append(",\" said ")
                        .append(players.get(1))
                        .append('.');
                continue;
            }
            String who = players.get(dice.below(2));
            Group had = dice.pick(dice.chance(0.5) ? Words.FOODS : Words.FINDS).of(a);
            text.append(' ').append(who).append(" had ").append(had).append(". ");
            if (plus) {
                text.append(who)
                        .append(" found ")
                        .append(had.of(b))
                        .append(". Now ")
                        .append(who)
                        .append(" had ");
                number(result, text, results)
                        .append(' ')
                        .append(had.of(result).noun())
                        .append('.');
            } else {
                text.append(who)
                        .append(way == 1 ? " ate " : " gave away ")
                        .append(had.of(b))
                        .append(", and ");
                number(result, text, results).append(' ').append(had.of(result).noun());
                text.append(result == 1 ? " was left." : " were left.");
            }
        }
        return new Game(text.toString(), results);
    }

    private static StringBuilder number(int n, StringBuilder text, List<Span> results) {
        int from = text.length();
        text.append(Words.number(n));
        results.add(new Span(from, text.length()));
        return text;
    }

    private static List<String> players(ChoiceSource dice) {
        return dice.several(dice.chance(0.5) ? Words.GIRLS : Words.BOYS, 2);
    }

    private static StringBuilder begin(List<String> players) {
        return new StringBuilder(players.get(0) + " and " + players.get(1) + " played echo.");
    }
}
